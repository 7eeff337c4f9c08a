import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a runner is told. */
export type RunnerArguments = {
  readonly prober: "ours" | "bare";
  readonly addresses: number;
  readonly runs: number;
  /** The mail world: its name server, its port, its control page. */
  readonly dns: string;
  readonly smtpPort: number;
  readonly control: string;
};

/** What one run over all addresses came to, as the prober and the world counted it. */
export type ProbeRun = {
  readonly seconds: number;
  readonly cpuUs: number;
  readonly connections: number;
  readonly flights: number;
  readonly grownBytes: number;
};

/** The first run, which compiles, and the median ones of the rest, by time and by CPU. */
export type ProbeRuns = { readonly cold: ProbeRun; readonly warm: ProbeRun; readonly warmCpuUs: number };

/** Runs a prober several times in a process of its own. Throws when it fails. */
export async function runProber(args: RunnerArguments): Promise<ProbeRuns> {
  const runner = fileURLToPath(new URL("probe-runner.ts", import.meta.url));
  const child = fork(runner, [JSON.stringify(args)]);
  const runs: ProbeRun[] = [];
  child.on("message", (run: ProbeRun) => runs.push(run));
  const [code] = await once(child, "exit");
  const [cold, ...warm] = runs;
  if (code !== 0 || cold === undefined || warm.length === 0) throw new Error(`the ${args.prober} prober failed`);
  const middle = <T>(values: readonly T[]): T | undefined => values[Math.floor(values.length / 2)];
  const bySeconds = middle(warm.toSorted((a, b) => a.seconds - b.seconds)) ?? cold;
  const byCpu = middle(warm.toSorted((a, b) => a.cpuUs - b.cpuUs)) ?? cold;
  return { cold, warm: bySeconds, warmCpuUs: byCpu.cpuUs };
}
