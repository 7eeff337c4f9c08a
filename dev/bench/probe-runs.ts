import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a runner is told. */
export type RunnerArguments = {
  readonly prober: "ours" | "bare";
  readonly addresses: number;
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

/** Our run and the bare one right before it: the machine was the same for both. */
export type RunPair = { readonly ours: ProbeRun; readonly bare: ProbeRun };

/** Runs both probers in turns, each in a process of its own. The first pair is cold. Throws when one fails. */
export async function runPairs(args: Omit<RunnerArguments, "prober">, count: number): Promise<readonly RunPair[]> {
  const bare = start({ ...args, prober: "bare" });
  const ours = start({ ...args, prober: "ours" });
  const pairs: RunPair[] = [];
  try {
    for (let i = 0; i < count; i += 1) pairs.push({ bare: await runOnce(bare), ours: await runOnce(ours) });
  } finally {
    for (const child of [bare, ours]) child.kill();
  }
  return pairs;
}

function start(args: RunnerArguments): ChildProcess {
  return fork(fileURLToPath(new URL("probe-runner.ts", import.meta.url)), [JSON.stringify(args)]);
}

async function runOnce(child: ChildProcess): Promise<ProbeRun> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeRun>();
  const onMessage = (run: unknown): void => resolve(run as ProbeRun);
  const onExit = (code: number | null): void => reject(new Error(`a prober ended with ${code}`));
  child.once("message", onMessage);
  child.once("exit", onExit);
  child.send("run");
  try {
    return await promise;
  } finally {
    child.off("message", onMessage);
    child.off("exit", onExit);
  }
}

/** The middle one of some values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
