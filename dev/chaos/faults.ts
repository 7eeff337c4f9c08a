import { Chance } from "../sim/clock.ts";
import type { Part } from "./part.ts";
import type { Stand } from "./stand.ts";
import type { Wire } from "./wire.ts";

/** One thing that goes wrong. It resolves when it is over: what was killed runs again, what was slow is fast. */
type Fault = {
  readonly name: string;
  /** How often, against the others. */
  readonly weight: number;
  /** Returns what exactly was done, or null when it could not be done now. */
  run(stand: Stand, chance: Chance): Promise<string | null>;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One of the probes that run now. */
function anyProbe(stand: Stand, chance: Chance): Part | null {
  const up = stand.probes.filter((probe) => probe.up());
  return up.length === 0 ? null : chance.pick(up);
}

const wireFault = (
  name: string,
  weight: number,
  harm: (wire: Wire, chance: Chance) => Promise<string>,
): readonly Fault[] =>
  (["link", "settle", "edge"] as const).map((which) => ({
    name: `${name} ${{ link: "probe-edge", settle: "probe-Postgres", edge: "edge-Postgres" }[which]}`,
    weight,
    run: (stand, chance) => harm(stand.wires[which], chance),
  }));

const FAULTS: readonly Fault[] = [
  {
    name: "kill -9 a probe",
    weight: 6,
    async run(stand, chance) {
      const probe = anyProbe(stand, chance);
      if (probe === null) return null;
      const away = chance.int(50, 3_000);
      await probe.kill9();
      await pause(away);
      await probe.start();
      return `${probe.name}, away for ${away} ms`;
    },
  },
  {
    name: "drain a probe",
    weight: 2,
    async run(stand, chance) {
      const probe = anyProbe(stand, chance);
      if (probe === null) return null;
      await probe.stop();
      await probe.start();
      return probe.name;
    },
  },
  {
    name: "crash the hub",
    weight: 4,
    run: async (stand) => ((await stand.evictHub("close")) ? "sockets closed" : null),
  },
  {
    name: "hibernate the hub",
    weight: 3,
    run: async (stand) => ((await stand.evictHub("hibernate")) ? "sockets kept" : null),
  },
  {
    name: "kill -9 the Worker",
    weight: 2,
    async run(stand) {
      if (!stand.worker.up()) return null;
      await stand.worker.kill9();
      await stand.worker.start();
      return "runtime and all objects";
    },
  },
  {
    name: "restart Postgres",
    weight: 2,
    async run(stand, chance) {
      const how = chance.pick(["stop", "kill9"] as const);
      const away = chance.int(0, 3_000);
      await stand.restartPostgres(how, away);
      return `${how}, away for ${away} ms`;
    },
  },
  ...wireFault("cut", 2, async (wire) => `${wire.cut()} connections`),
  ...wireFault("slow down", 1, async (wire, chance) => {
    const [ms, lasts] = [chance.int(20, 400), chance.int(1_000, 5_000)];
    wire.delay(ms);
    await pause(lasts);
    wire.delay(0);
    return `${ms} ms for ${lasts} ms`;
  }),
  // Now and then for longer than a lease: then both sides give each other up.
  ...wireFault("swallow", 1, async (wire, chance) => {
    const lasts = chance.is(0.25) ? chance.int(31_000, 42_000) : chance.int(500, 6_000);
    wire.stall();
    await pause(lasts);
    wire.resume();
    return `everything for ${lasts} ms`;
  }),
];

export type Storm = {
  /** Faults by name, how often each happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** Ends the storm; resolves when everything that was broken runs again. */
  calm(): Promise<void>;
};

type StormOptions = {
  readonly seed: number;
  /** Mean time from one fault to the next. */
  readonly everyMs: number;
  /** Only these; all when absent. */
  readonly only?: readonly string[];
  readonly tell: (line: string) => void;
};

/**
 * Breaks things at random times drawn from the seed. What is drawn depends on the seed alone; what it meets depends on
 * how the processes ran. Faults overlap, each kind only with the others.
 */
export function startStorm(stand: Stand, options: StormOptions): Storm {
  const chance = new Chance(options.seed);
  const counts = new Map<string, number>();
  const going = new Map<string, Promise<void>>();
  const over = new AbortController();
  const chosen = FAULTS.filter(({ name }) => options.only?.includes(name) ?? true);
  const wheel = chosen.flatMap((fault) => Array.from({ length: fault.weight }, () => fault));

  const inflict = async (fault: Fault, own: Chance): Promise<void> => {
    try {
      const what = await fault.run(stand, own);
      if (what === null) return;
      counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
      options.tell(`${fault.name}: ${what}`);
    } catch (error) {
      // What did not come back up shows in the checks at the end, or ends the run there.
      options.tell(`${fault.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  const blow = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await pauseOr(-Math.log(1 - chance.next()) * options.everyMs, over.signal);
      const fault = chance.pick(wheel);
      const own = new Chance(chance.int(0, 2 ** 31));
      if (over.signal.aborted || going.has(fault.name)) continue;
      const done = inflict(fault, own).finally(() => going.delete(fault.name));
      going.set(fault.name, done);
    }
  };
  const blowing = blow();
  return {
    counts,
    async calm() {
      over.abort();
      await blowing;
      await Promise.all(going.values());
      for (const part of [stand.worker, ...stand.probes]) await part.start();
    },
  };
}

function pauseOr(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
