import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ProbeRuns, runProber } from "./probe-runs.ts";

const DOMAINS = 50;
const SHORT_RUN = 2_000;
const LONG_RUN = 200_000;
/** Runs of which the first is cold and the median of the others counts. */
const SHORT_RUNS = 11;
const LONG_RUNS = 8;
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
  const { ours, bare } = await both(world, SHORT_RUN, SHORT_RUNS);
  const at = `rtt_${rtt}ms`;
  emit(`probe.verdicts_per_second.${at}`, SHORT_RUN / ours.warm.seconds, "1/s");
  emit(`probe.bare.verdicts_per_second.${at}`, SHORT_RUN / bare.warm.seconds, "1/s");
  emit(`probe.time_against_bare.${at}`, ours.warm.seconds / bare.warm.seconds, "x");
  emit(`probe.connections_per_domain.${at}`, ours.warm.connections / DOMAINS, "");
  emit(`probe.round_trips_per_address.${at}`, ours.warm.flights / SHORT_RUN, "");
  emit(`probe.bare.round_trips_per_address.${at}`, bare.warm.flights / SHORT_RUN, "");
}

/** The first run compiles, which does not grow with the list; the others stand for the rest of a long one. */
async function longRuns(world: World, emit: Emit): Promise<void> {
  const { ours, bare } = await both(world, LONG_RUN, LONG_RUNS);
  emit("probe.long_run.verdicts_per_second", LONG_RUN / ours.warm.seconds, "1/s");
  emit("probe.long_run.bare.verdicts_per_second", LONG_RUN / bare.warm.seconds, "1/s");
  emit("probe.long_run.cpu_per_address", ours.warmCpuUs / LONG_RUN, "us");
  emit("probe.long_run.bare.cpu_per_address", bare.warmCpuUs / LONG_RUN, "us");
  emit("probe.long_run.cpu_against_bare", ours.warmCpuUs / bare.warmCpuUs, "x");
  emit("probe.long_run.cold.cpu_per_address", ours.cold.cpuUs / LONG_RUN, "us");
  emit("probe.long_run.cold.bare.cpu_per_address", bare.cold.cpuUs / LONG_RUN, "us");
  emit("probe.long_run.cold.cpu_against_bare", ours.cold.cpuUs / bare.cold.cpuUs, "x");
  emit("probe.long_run.connections", ours.warm.connections, "");
  emit("probe.long_run.memory_growth", ours.warm.grownBytes / 1e6, "MB");
}

async function both(world: World, addresses: number, runs: number): Promise<{ ours: ProbeRuns; bare: ProbeRuns }> {
  const { dns, smtpPort, control } = world;
  const task = { addresses, runs, dns, smtpPort, control };
  const bare = await runProber({ ...task, prober: "bare" });
  return { ours: await runProber({ ...task, prober: "ours" }), bare };
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
