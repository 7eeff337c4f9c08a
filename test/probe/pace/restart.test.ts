import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort } from "../../../dev/ports.ts";

const MAIN = fileURLToPath(new URL("../../../probe/main.ts", import.meta.url));

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "probe-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

/** Starts `mailsonar run` as systemd does, far from any hub, and waits until it looks for one. */
async function run(): Promise<{ child: ChildProcess; lines: Record<string, unknown>[]; metrics: string }> {
  const port = await freePort();
  const child = spawn(process.execPath, [MAIN, "run"], {
    env: {
      PATH: process.env.PATH ?? "",
      EDGE_URL: "http://127.0.0.1:9",
      PROBE_TOKEN: `pt_p1_${"x".repeat(32)}`,
      PROBE_HELO_NAME: "probe.example",
      PROBE_DNS_SERVERS: "127.0.0.1:1",
      PROBE_ALLOW_PRIVATE_NETWORKS: "1",
      PROBE_PACE: "polite",
      PROBE_METRICS_PORT: String(port),
      STATE_DIRECTORY: folder,
      DATABASE_URL: "postgres://probe@127.0.0.1:9/none",
    },
  });
  children.push(child);
  const lines: Record<string, unknown>[] = [];
  const out = createInterface({ input: child.stdout });
  out.on("line", (line) => lines.push(JSON.parse(line)));
  while (!lines.some(({ msg }) => msg === "hub away")) await once(out, "line");
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return { child, lines, metrics };
}

const nothing = { hosts: [], warmUp: [], visits: { day: 1, addresses: {}, domains: {} } };

it("a probe that was killed, or stopped, comes back with the pauses of its operators", async () => {
  const nowMs = Date.now();
  const paused = {
    ...{ key: "google any", factor: 0.5, factorAtMs: nowMs, strikes: 1, lastStrikeMs: nowMs },
    ...{ pausedUntilMs: nowMs + 3_600_000, dayStartMs: nowMs, dayCount: 3, breakerUntilMs: 0 },
  };
  const memory = { version: 1, writtenAtMs: 1, quarantined: [], operators: [paused], ...nothing };
  await writeFile(join(folder, "pace.json"), JSON.stringify(memory));
  for (const signal of ["SIGKILL", "SIGTERM", "SIGTERM"] as const) {
    const { child, metrics } = await run();
    expect(metrics).toContain('mailsonar_breakers{state="cool_down"} 1');
    child.kill(signal);
    await once(child, "exit");
  }
  expect(await readdir(folder)).toEqual(["pace.json"]);
});

it("a file of another version is named in the log, and the probe runs", async () => {
  await writeFile(join(folder, "pace.json"), '{"version":2}');
  const { child, lines } = await run();
  expect(lines).toContainEqual(
    expect.objectContaining({ level: "warn", msg: "paces: not understood", quarantined: 0 }),
  );
  child.kill("SIGTERM");
  await once(child, "exit");
  expect(child.exitCode).toBe(0);
});
