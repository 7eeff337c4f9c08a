import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { median, type ProbeRun, type RunPair, runPairs } from "./probe-runs.ts";

const DOMAINS = 50;
const SHORT_RUN = 2_000;
const LONG_RUN = 200_000;
/** Pairs of runs, of which the first are cold and the median of the others counts. */
const SHORT_RUNS = 11;
const LONG_RUNS = 12;
const WARM_UP_RUNS = 3;
const ROUND_TRIPS_MS = [0, 20] as const;

type Emit = (name: string, value: number, unit: string) => void;
type World = { readonly dns: string; readonly smtpPort: number; readonly control: string; stop(): Promise<void> };

/**
 * One checker against the mail world, beside a reference prober on bare sockets in the same run, each in a process of
 * its own: verdicts a second for a short list, connections and round trips per address, CPU per address of a long one.
 */
export async function bench(emit: Emit): Promise<void> {
  const world = await startWorld();
  try {
    for (const rtt of ROUND_TRIPS_MS) await shortRuns(world, rtt, emit);
    await fetch(`${world.control}/rtt?ms=0`, { method: "PUT" });
    await longRuns(world, emit);
  } finally {
    await world.stop();
  }
}

async function shortRuns(world: World, rtt: number, emit: Emit): Promise<void> {
  await fetch(`${world.control}/rtt?ms=${rtt}`, { method: "PUT" });
  const warm = (await runPairs({ ...world, addresses: SHORT_RUN }, SHORT_RUNS)).slice(WARM_UP_RUNS);
  const at = `rtt_${rtt}ms`;
  const { ours, bare, ratio } = middle(warm, ({ seconds }) => seconds);
  emit(`probe.verdicts_per_second.${at}`, SHORT_RUN / ours, "1/s");
  emit(`probe.bare.verdicts_per_second.${at}`, SHORT_RUN / bare, "1/s");
  emit(`probe.time_against_bare.${at}`, ratio, "x");
  emit(`probe.connections_per_domain.${at}`, middle(warm, (run) => run.connections).ours / DOMAINS, "");
  const flights = middle(warm, (run) => run.flights);
  emit(`probe.round_trips_per_address.${at}`, flights.ours / SHORT_RUN, "");
  emit(`probe.bare.round_trips_per_address.${at}`, flights.bare / SHORT_RUN, "");
}

/** The first run compiles, which does not grow with the list; the later ones stand for the rest of a long one. */
async function longRuns(world: World, emit: Emit): Promise<void> {
  const pairs = await runPairs({ ...world, addresses: LONG_RUN }, LONG_RUNS);
  const warm = pairs.slice(WARM_UP_RUNS);
  const cold = middle(pairs.slice(0, 1), ({ cpuUs }) => cpuUs / LONG_RUN);
  const cpu = middle(warm, ({ cpuUs }) => cpuUs / LONG_RUN);
  const speed = middle(warm, ({ seconds }) => LONG_RUN / seconds);
  emit("probe.long_run.verdicts_per_second", speed.ours, "1/s");
  emit("probe.long_run.bare.verdicts_per_second", speed.bare, "1/s");
  emit("probe.long_run.cpu_per_address", cpu.ours, "us");
  emit("probe.long_run.bare.cpu_per_address", cpu.bare, "us");
  emit("probe.long_run.cpu_against_bare", cpu.ratio, "x");
  emit("probe.long_run.cold.cpu_per_address", cold.ours, "us");
  emit("probe.long_run.cold.bare.cpu_per_address", cold.bare, "us");
  emit("probe.long_run.cold.cpu_against_bare", cold.ratio, "x");
  emit("probe.long_run.connections", middle(warm, (run) => run.connections).ours, "");
  emit("probe.long_run.memory_growth", middle(warm, (run) => run.grownBytes / 1e6).ours, "MB");
}

/** Medians of a figure, and of the ratios that the pairs themselves show. */
function middle(pairs: readonly RunPair[], figure: (run: ProbeRun) => number) {
  return {
    ours: median(pairs.map(({ ours }) => figure(ours))),
    bare: median(pairs.map(({ bare }) => figure(bare))),
    ratio: median(pairs.map(({ ours, bare }) => figure(ours) / figure(bare))),
  };
}

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
