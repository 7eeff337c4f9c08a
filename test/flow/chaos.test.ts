import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runChaos } from "../../dev/chaos/run.ts";

const CHAOS_TIMEOUT_MS = 240_000;

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "mailsonar-chaos-"));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

it(
  "gives every row one true verdict, billed and told once, and leaves nothing open or running, whatever dies meanwhile",
  async () => {
    const log: string[] = [];
    const report = await runChaos({
      seed: 11,
      rows: 2_000,
      stormMs: 8_000,
      everyMs: 900,
      settled: true,
      lists: 1,
      only: [
        "kill -9 a probe",
        "crash the hub",
        "hibernate the hub",
        "restart Postgres",
        "cut probe-edge",
        "cut probe-Postgres",
      ],
      dataDir,
      tell: (line) => log.push(line),
    });
    expect(report.violations, log.join("\n")).toEqual([]);
    expect(report.lists).toBe(1);
    expect([...report.faults.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(2);
  },
  CHAOS_TIMEOUT_MS,
);
