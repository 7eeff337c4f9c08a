import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Checker, type CheckerOptions, createChecker } from "../../probe/check/checker.ts";
import { readProbeConfig } from "../../probe/config.ts";
import type { ChunkItem } from "../../shared/wire/frames.ts";
import { type BareTask, bareProbe } from "./bare-prober.ts";

const DOMAINS = 50;
const SHORT_RUN = 2_000;
const LONG_RUN = 200_000;
/** Short runs of each kind, the first of which only warm up. */
const SHORT_RUNS = 10;
const WARM_UP_RUNS = 3;
const CHUNK = 500;
/** Chunks being checked at once in the long run: each domain has one. */
const CHUNKS_IN_FLIGHT = 50;
const ROUND_TRIPS_MS = [0, 20] as const;

type Emit = (name: string, value: number, unit: string) => void;
type World = { readonly dns: string; readonly smtpPort: number; readonly control: string; stop(): Promise<void> };
type Figures = {
  readonly seconds: number;
  readonly cpuUs: number;
  readonly connections: number;
  readonly flights: number;
};

/**
 * One checker against the mail world (in a process of its own), beside a reference prober on bare sockets in the same
 * run: verdicts a second for a short list, connections and round trips per address, CPU per address of a long one.
 */
export async function bench(emit: Emit): Promise<void> {
  const world = await startWorld();
  try {
    const short = tasksOf(SHORT_RUN);
    const bareRun = () => measure(world, () => bareProbe(short, world.dns, world.smtpPort));
    const ourRun = () => measure(world, () => withChecker(world, (checker) => checkAll(checker, short)));
    for (const rtt of ROUND_TRIPS_MS) {
      await fetch(`${world.control}/rtt?ms=${rtt}`, { method: "PUT" });
      const bare = await median(bareRun);
      const ours = await median(ourRun);
      const at = `rtt_${rtt}ms`;
      emit(`probe.verdicts_per_second.${at}`, SHORT_RUN / ours.seconds, "1/s");
      emit(`probe.bare.verdicts_per_second.${at}`, SHORT_RUN / bare.seconds, "1/s");
      emit(`probe.time_against_bare.${at}`, ours.seconds / bare.seconds, "x");
      emit(`probe.connections_per_domain.${at}`, ours.connections / DOMAINS, "");
      emit(`probe.round_trips_per_address.${at}`, ours.flights / SHORT_RUN, "");
      emit(`probe.bare.round_trips_per_address.${at}`, bare.flights / SHORT_RUN, "");
    }
    await fetch(`${world.control}/rtt?ms=0`, { method: "PUT" });
    await longRun(world, emit);
  } finally {
    await world.stop();
  }
}

/** Each twice: the first time a good part goes into compiling, which does not grow with the list. */
async function longRun(world: World, emit: Emit): Promise<void> {
  const tasks = tasksOf(LONG_RUN);
  for (const name of ["probe.long_run.cold", "probe.long_run"]) {
    const bare = await measure(world, () => bareProbe(tasks, world.dns, world.smtpPort));
    const before = process.memoryUsage().rss;
    const ours = await measure(world, () => withChecker(world, (checker) => checkAll(checker, tasks)));
    emit(`${name}.verdicts_per_second`, LONG_RUN / ours.seconds, "1/s");
    emit(`${name}.bare.verdicts_per_second`, LONG_RUN / bare.seconds, "1/s");
    emit(`${name}.cpu_per_address`, ours.cpuUs / LONG_RUN, "us");
    emit(`${name}.bare.cpu_per_address`, bare.cpuUs / LONG_RUN, "us");
    emit(`${name}.cpu_against_bare`, ours.cpuUs / bare.cpuUs, "x");
    emit(`${name}.connections`, ours.connections, "");
    emit(`${name}.memory_growth`, (process.memoryUsage().rss - before) / 1e6, "MB");
  }
}

/** Addresses spread over the domains, of which three in ten are unknown. */
function tasksOf(count: number): readonly BareTask[] {
  const tasks = Array.from({ length: DOMAINS }, (_, i) => ({
    domain: `accept-${i}.mailworld.net`,
    addresses: [] as string[],
  }));
  for (let i = 0; i < count; i += 1) {
    const task = tasks[i % DOMAINS];
    task?.addresses.push(`${i % 10 < 3 ? "nobody" : "user"}${i}@${task.domain}`);
  }
  return tasks;
}

async function withChecker(world: World, run: (checker: Checker) => Promise<void>): Promise<void> {
  const config = readProbeConfig({
    PROBE_DNS_SERVERS: world.dns,
    PROBE_SMTP_PORT: String(world.smtpPort),
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
    PROBE_HELO_NAME: "probe-1.mailsonar.net",
    PROBE_MAIL_FROM: "check@mailsonar.net",
  });
  if (!config.ok) throw new Error(config.error);
  const checker = createChecker(config.value);
  await run(checker);
  await checker.close();
}

/** Chunks as the hub would lease them: grouped by domain, a bounded number at once. */
async function checkAll(checker: Checker, tasks: readonly BareTask[]): Promise<void> {
  const options: CheckerOptions = {
    mode: "full",
    role_is_risky: false,
    transcript: false,
    signal: new AbortController().signal,
    deadlineMs: null,
    source: null,
    finalOnly: true,
    realTime: false,
  };
  const chunks = chunksOf(tasks);
  let wrong = 0;
  const worker = async (): Promise<void> => {
    for (const chunk of chunks) {
      await checker.checkMany(chunk, options, (item, outcome) => {
        const reason = outcome.kind === "final" ? outcome.verdict.reason : "deferred";
        if (reason !== (item.email.startsWith("user") ? "accepted" : "mailbox_not_found")) wrong += 1;
      });
    }
  };
  await Promise.all(Array.from({ length: CHUNKS_IN_FLIGHT }, worker));
  if (wrong > 0) throw new Error(`${wrong} verdicts are wrong: the figures would mean nothing`);
}

function* chunksOf(tasks: readonly BareTask[]): Generator<ChunkItem[]> {
  const longest = Math.max(...tasks.map((task) => task.addresses.length));
  for (let from = 0; from < longest; from += CHUNK) {
    for (const { addresses } of tasks) {
      yield addresses.slice(from, from + CHUNK).map((email, n) => ({ n, email, tries: 0, due: 0, first: 0 }));
    }
  }
}

/** The run of median duration: short runs vary, and the first ones compile. */
async function median(run: () => Promise<Figures>): Promise<Figures> {
  const runs: Figures[] = [];
  for (let i = 0; i < SHORT_RUNS; i += 1) runs.push(await run());
  const sorted = runs.slice(WARM_UP_RUNS).sort((a, b) => a.seconds - b.seconds);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error("no runs");
  return middle;
}

async function measure(world: World, run: () => Promise<unknown>): Promise<Figures> {
  await fetch(`${world.control}/reset`, { method: "POST" });
  const cpu = process.cpuUsage();
  const start = performance.now();
  await run();
  const seconds = (performance.now() - start) / 1_000;
  const used = process.cpuUsage(cpu);
  const stats: unknown = await (await fetch(`${world.control}/stats`)).json();
  return {
    seconds,
    cpuUs: used.user + used.system,
    connections: numberIn(stats, "connections"),
    flights: numberIn(stats, "flights"),
  };
}

const numberIn = (value: unknown, name: string): number => {
  const found =
    typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name) : null;
  return typeof found?.[1] === "number" ? found[1] : Number.NaN;
};

async function startWorld(): Promise<World> {
  const main = fileURLToPath(new URL("../world/main.ts", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [main, "--control-port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("the world has no output");
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const ready: unknown = JSON.parse(String(line));
  const text = (name: string): string => String(Object.entries(ready ?? {}).find(([key]) => key === name)?.[1]);
  return {
    dns: text("dns"),
    smtpPort: Number(text("smtp_port")),
    control: `http://127.0.0.1:${text("control_port")}`,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
