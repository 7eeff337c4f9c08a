/**
 * `npm run chaos`: the whole system as processes on this machine, and a storm over it. Three probes, the Worker,
 * Postgres and the mail world work through lists of 20,000 addresses and real-time calls, while probes are killed, the
 * hub loses its memory, the Worker and Postgres are restarted, and the wires between them are cut, slowed and stalled.
 * Afterwards every row has to have exactly one true verdict, billed once, told once, and nothing may be left open or
 * running. `--seed S` draws the faults, `--minutes M` is the length of the storm, `--rows N` the size of a list,
 * `--every SECONDS` the mean time between faults. Exit code 1 when anything was wrong; the data folder is kept then.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "./run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    minutes: { type: "string", default: "3" },
    rows: { type: "string", default: "20000" },
    every: { type: "string", default: "2.5" },
    only: { type: "string", multiple: true },
  },
});
const [seed, minutes, rows, every] = [values.seed, values.minutes, values.rows, values.every].map(Number);
if (![seed, minutes, rows, every].every((value) => Number.isFinite(value) && Number(value) >= 0) || !rows || !every) {
  process.stderr.write("chaos: --seed, --minutes, --rows and --every take numbers\n");
  process.exit(2);
}

const begun = Date.now();
const tell = (line: string): void => {
  process.stdout.write(`${((Date.now() - begun) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);
};
const dataDir = mkdtempSync(join(tmpdir(), "mailsonar-chaos-"));
tell(`seed ${seed}, storm of ${minutes} minutes, lists of ${rows} rows`);
const report = await runChaos({
  seed: seed ?? 0,
  rows: Math.floor(rows ?? 0),
  stormMs: (minutes ?? 0) * 60_000,
  everyMs: (every ?? 0) * 1_000,
  settled: false,
  ...(values.only && { only: values.only }),
  dataDir,
  tell,
});

for (const [fault, times] of [...report.faults].sort(([a], [b]) => a.localeCompare(b))) tell(`${times} × ${fault}`);
for (const note of report.notes) tell(note);
for (const violation of report.violations) tell(`VIOLATION ${violation}`);
const faults = [...report.faults.values()].reduce((sum, times) => sum + times, 0);
tell(`seed=${seed} lists=${report.lists} faults=${faults} violations=${report.violations.length}`);
if (report.violations.length === 0) rmSync(dataDir, { recursive: true, force: true });
else tell(`logs are in ${join(dataDir, "logs")}`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
