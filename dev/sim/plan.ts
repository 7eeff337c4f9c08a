import { Chance } from "./clock.ts";

/** What one run is made of. Rates are per event or as named; every one is drawn from the seed. */
export type Plan = {
  readonly seed: number;
  readonly probes: number;
  readonly tenants: number;
  readonly chunks: number;
  readonly tasks: number;
  readonly window: number;
  readonly slots: number;
  /** All chunks at once, of unequal tenants: a queue long enough to starve in. */
  readonly burst: boolean;
  /** Nothing goes wrong: then capacity must hold on the probes' side too. */
  readonly faultless: boolean;
  /** Per frame, beyond what TCP would do. */
  readonly drop: number;
  readonly repeat: number;
  readonly reorder: number;
  readonly latencyMs: number;
  /** Mean time between such events over the whole world; infinite when they do not happen. */
  readonly probeCrashMs: number;
  readonly socketCutMs: number;
  readonly hubCrashMs: number;
  readonly hibernateMs: number;
  readonly postgresOutageMs: number;
  readonly clockJumpMs: number;
  readonly drainMs: number;
  /** Chance that an answer of Postgres is lost after it has done its work. */
  readonly lostReply: number;
  /** Shares of probes. */
  readonly liars: number;
  readonly sloths: number;
  /** Chance that an item is deferred once more. */
  readonly defer: number;
  /** Faults happen in this time; afterwards all has to come to rest. */
  readonly stormMs: number;
};

/** Draws a run. One in twenty has a large fleet, one in five has no faults. */
export function planOf(seed: number): Plan {
  const chance = new Chance(seed);
  const faultless = chance.is(0.2);
  const large = chance.is(0.05);
  const burst = !large && chance.is(0.15);
  const often = (probability: number, low: number, high: number) =>
    !faultless && chance.is(probability) ? chance.int(low, high) : Number.POSITIVE_INFINITY;
  const rate = (probability: number, most: number) => (!faultless && chance.is(probability) ? chance.next() * most : 0);
  return {
    seed,
    probes: large ? chance.int(50, 1_000) : chance.int(1, 8),
    tenants: chance.int(1, 6),
    chunks: large ? chance.int(100, 400) : burst ? 400 : chance.int(1, 60),
    tasks: chance.int(0, 30),
    window: chance.pick([50, 200, 1_000, 2_000]),
    slots: chance.int(1, 4),
    burst,
    faultless,
    drop: rate(0.3, 0.05),
    repeat: rate(0.3, 0.1),
    reorder: rate(0.3, 0.1),
    latencyMs: chance.int(1, 200),
    probeCrashMs: often(0.6, 5_000, 120_000),
    socketCutMs: often(0.6, 5_000, 120_000),
    hubCrashMs: often(0.5, 10_000, 200_000),
    hibernateMs: often(0.5, 5_000, 100_000),
    postgresOutageMs: often(0.4, 30_000, 300_000),
    clockJumpMs: often(0.3, 60_000, 300_000),
    drainMs: often(0.3, 30_000, 200_000),
    lostReply: rate(0.4, 0.05),
    liars: rate(0.3, 0.5),
    sloths: rate(0.3, 0.3),
    defer: chance.is(0.5) ? chance.next() * 0.3 : 0,
    stormMs: chance.int(60_000, 600_000),
  };
}
