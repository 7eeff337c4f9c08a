import { startStorm } from "./faults.ts";
import { type Findings, judgeCalls, judgeEvents, judgeList, judgeQuiet } from "./judge.ts";
import { type Stand, startStand } from "./stand.ts";
import { type RunCall, type RunList, rowsOf, runList, startCalls } from "./traffic.ts";

export type ChaosOptions = {
  readonly seed: number;
  /** Rows of each list. */
  readonly rows: number;
  /** The storm lasts this long, and at least until the first list has had some of it. Lists follow each other. */
  readonly stormMs: number;
  /** Mean time from one fault to the next. */
  readonly everyMs: number;
  readonly dataDir: string;
  /** Leave out addresses that nobody gets a definite answer for, which are asked again for a minute. */
  readonly settled: boolean;
  /** At most so many lists; as many as the storm has time for when absent. */
  readonly lists?: number;
  /** Only these faults; all when absent. */
  readonly only?: readonly string[];
  readonly tell: (line: string) => void;
};

export type ChaosReport = {
  readonly faults: ReadonlyMap<string, number>;
  readonly lists: number;
  readonly violations: readonly string[];
  readonly notes: readonly string[];
};

/** A job may wait for the sweep that finds what everybody forgot, and for rounds of retries on a busy machine. */
const ENDS_WITHIN_MS = 15 * 60_000;
const RESTART_PAUSE_MS = 500;

/**
 * Runs lists through the whole system, as processes, while the storm breaks them, and says what was wrong afterwards.
 * @throws Error when the system cannot be started at all
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const violations: string[] = [];
  const notes: string[] = [];
  let stand: Stand | null = null;
  const unasked = (line: string): void => {
    violations.push(`nobody asked for it: ${line}`);
    options.tell(`nobody asked for it: ${line}`);
    // As its supervisor would; the run goes on to find out what else is wrong.
    setTimeout(() => void restartAll(stand), RESTART_PAUSE_MS);
  };
  stand = await startStand({ dataDir: options.dataDir, probes: 3, unasked });
  const note = (found: Findings): void => {
    violations.push(...found.violations);
    notes.push(...found.notes);
  };
  let faults: ReadonlyMap<string, number> = new Map();
  let lists = 0;
  try {
    const done = await workInStorm(stand, options);
    faults = done.faults;
    lists = done.lists.length;
    violations.push(...done.violations);
    note(await judgeQuiet(stand));
    for (const list of done.lists) note(await judgeList(stand, list));
    note(await judgeCalls(stand, done.calls));
    note(await judgeEvents(stand));
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error));
  } finally {
    const left = await stand.stop();
    violations.push(...left.map((process) => `still running: ${process}`));
  }
  return { faults, lists, violations, notes };
}

type Work = {
  readonly lists: readonly RunList[];
  readonly calls: readonly RunCall[];
  readonly faults: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
};

/** One list after the other, and real-time calls beside them, until the storm is over and the last list has ended. */
async function workInStorm(stand: Stand, options: ChaosOptions): Promise<Work> {
  const lists: RunList[] = [];
  const violations: string[] = [];
  const calls = startCalls(stand, options.seed);
  const storm = startStorm(stand, options);
  let blows = true;
  const calm = new Promise((resolve) => setTimeout(resolve, options.stormMs)).then(async () => {
    blows = false;
    await storm.calm();
    options.tell("the storm is over");
  });
  while (blows && lists.length < (options.lists ?? Number.POSITIVE_INFINITY)) {
    const seed = options.seed + lists.length;
    const signal = AbortSignal.timeout(options.stormMs + ENDS_WITHIN_MS);
    try {
      const rows = rowsOf(options.rows, seed, options.settled);
      const list = await runList(stand, rows, signal, (id) => options.tell(`job ${id}: ${rows.length} rows`));
      options.tell(`job ${list.id}: ${list.job.state} after ${list.seconds.toFixed(1)} s`);
      lists.push(list);
    } catch (error) {
      violations.push(error instanceof Error ? error.message : String(error));
      break;
    }
  }
  await calm;
  return { lists, calls: await calls.stop(), faults: storm.counts, violations };
}

async function restartAll(stand: Stand | null): Promise<void> {
  if (stand === null) return;
  for (const part of [stand.worker, ...stand.probes]) await part.start().catch(() => {});
}
