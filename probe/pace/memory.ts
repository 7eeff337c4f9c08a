import { z } from "zod";
import { providerById } from "../../shared/providers/index.ts";
import type { DayCounts, VisitBook } from "../check/citizen.ts";
import { BREAKER_PAUSE_MS, COOL_DOWN_MAX_MS, UNKNOWN_PAUSE_MS } from "../limits.ts";
import type { BookEntries, PaceBook } from "./book.ts";
import { MEMORY_PACES_MAX, MEMORY_VISITS_MAX } from "./limits.ts";
import type { PaceState } from "./machine.ts";
import { createHost, type HostState } from "./strangers.ts";

/** Told apart from what older and newer programs write; such a file is not read, but for its quarantines. */
const MEMORY_VERSION = 1;

const time = z.number().finite().nonnegative();
const count = z.number().finite().nonnegative();

const operatorSchema = z.object({
  /** Operator and source address: "google 203.0.113.7". Hosts of nobody's stand there as a hash. */
  key: z.string().max(200),
  factor: z
    .number()
    .min(1 / 16)
    .max(4),
  factorAtMs: time,
  strikes: z.int().nonnegative().max(1_000),
  lastStrikeMs: time,
  pausedUntilMs: time,
  dayStartMs: time,
  dayCount: count,
  /** When an open breaker lets one connection try; 0 when it is closed. */
  breakerUntilMs: time,
});

const hostSchema = z.object({
  key: z.string().max(200),
  hourStartMs: time,
  hourUnknown: count,
  replies: count,
  unknown: count,
  pausedUntilMs: time,
});

const quarantineSchema = z.array(
  z.object({
    source: z.string().max(64),
    operators: z.array(z.string().max(64)).max(64),
    atMs: time,
    told: z.boolean(),
  }),
);

const memorySchema = z.object({
  version: z.literal(MEMORY_VERSION),
  writtenAtMs: time,
  quarantined: quarantineSchema,
  operators: z.array(operatorSchema).max(MEMORY_PACES_MAX),
  hosts: z.array(hostSchema).max(MEMORY_PACES_MAX),
  warmUp: z.array(z.object({ source: z.string().max(64), day: z.int(), count })).max(1_000),
  visits: z.object({ day: z.int(), addresses: z.record(z.string(), count), domains: z.record(z.string(), count) }),
});

/** What outlives the process, as it stands in the file. Times are epoch ms, days count from 1970. */
export type Memory = z.infer<typeof memorySchema>;

/** The books that are kept. */
export type Books = { readonly book: PaceBook; readonly visits: VisitBook };

/** Writes down what matters tomorrow; what is as it is at the start is left out. */
export function remember({ book, visits }: Books, nowMs: number): Memory {
  const { operators, hosts } = book.dump();
  const { day, addresses, domains } = visits.dump(nowMs);
  return {
    version: MEMORY_VERSION,
    writtenAtMs: nowMs,
    quarantined: book.quarantine.dump().map((listing) => ({ ...listing, operators: [...listing.operators] })),
    operators: operators
      .filter(([key, state]) => isKnown(key) || isMarked(state, nowMs))
      .slice(-MEMORY_PACES_MAX)
      .map(([key, state]) => writeOperator(key, state)),
    hosts: hosts
      .filter(([, state]) => state.replies > 0 || state.hourUnknown > 0 || state.pausedUntilMs > nowMs)
      .slice(-MEMORY_PACES_MAX)
      .map(([key, { hourStartMs, hourUnknown, replies, unknown, pausedUntilMs }]) => ({
        ...{ key, hourStartMs, hourUnknown, replies, unknown, pausedUntilMs },
      })),
    warmUp: [...(book.warmUp?.dump() ?? [])],
    visits: { day, addresses: youngest(addresses), domains: youngest(domains) },
  };
}

const youngest = (counts: DayCounts["addresses"]): Record<string, number> =>
  Object.fromEntries(counts.slice(-MEMORY_VISITS_MAX));

/** An operator by name: how long it has been content with us is worth knowing too. */
const isKnown = (key: string): boolean => providerById(key.slice(0, key.indexOf(" "))) !== null;

const isMarked = ({ factor, strikes, pausedUntilMs, breaker }: PaceState, nowMs: number): boolean =>
  factor !== 1 || strikes > 0 || pausedUntilMs > nowMs || breaker.state !== "closed";

const writeOperator = (key: string, state: PaceState): Memory["operators"][number] => {
  const { factor, factorAtMs, strikes, lastStrikeMs, pausedUntilMs, dayStartMs, dayCount, breaker } = state;
  const breakerUntilMs = breaker.state === "closed" ? 0 : breaker.untilMs;
  return { key, factor, factorAtMs, strikes, lastStrikeMs, pausedUntilMs, dayStartMs, dayCount, breakerUntilMs };
};

/** Takes up where the last process left off. Times further ahead than any pause come from a clock that was wrong. */
export function recall(memory: Memory, { book, visits }: Books, nowMs: number): void {
  const entries: BookEntries = {
    operators: memory.operators.map((one) => [one.key, readOperator(one, nowMs)]),
    hosts: memory.hosts.map((one) => [one.key, readHost(one, nowMs)]),
  };
  book.restore(entries);
  book.quarantine.restore(memory.quarantined);
  book.warmUp?.restore(memory.warmUp);
  const { day, addresses, domains } = memory.visits;
  visits.restore({ day, addresses: Object.entries(addresses), domains: Object.entries(domains) }, nowMs);
}

function readOperator(one: Memory["operators"][number], nowMs: number): PaceState {
  const { factor, strikes, dayCount, breakerUntilMs } = one;
  return {
    factor,
    factorAtMs: Math.min(one.factorAtMs, nowMs + COOL_DOWN_MAX_MS),
    // The next batch has to be waited for: a process that starts over and over must not have a batch each time.
    tokens: 0,
    tokensAtMs: nowMs,
    strikes,
    lastStrikeMs: Math.min(one.lastStrikeMs, nowMs),
    pausedUntilMs: Math.min(one.pausedUntilMs, nowMs + COOL_DOWN_MAX_MS),
    dayStartMs: Math.min(one.dayStartMs, nowMs),
    dayCount,
    breaker: {
      state: breakerUntilMs > 0 ? "open" : "closed",
      good: 0,
      bad: 0,
      untilMs: Math.min(breakerUntilMs, nowMs + BREAKER_PAUSE_MS),
    },
  };
}

const readHost = (one: Memory["hosts"][number], nowMs: number): HostState => ({
  ...createHost(nowMs),
  hourStartMs: Math.min(one.hourStartMs, nowMs),
  hourUnknown: one.hourUnknown,
  replies: one.replies,
  unknown: Math.min(one.unknown, one.replies),
  pausedUntilMs: Math.min(one.pausedUntilMs, nowMs + UNKNOWN_PAUSE_MS),
});

/** What a file says: all of it, or its quarantines alone, and why not all. */
export type Reading = {
  readonly memory: Memory | null;
  readonly quarantined: Memory["quarantined"];
  readonly trouble: string | null;
};

/** Reads the text of a file. A quarantine outlives whatever else is wrong with it: only a person ends it (E6). */
export function readMemory(text: string): Reading {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return { memory: null, quarantined: [], trouble: "it is not JSON" };
  }
  const whole = memorySchema.safeParse(said);
  if (whole.success) return { memory: whole.data, quarantined: whole.data.quarantined, trouble: null };
  const part = z.object({ quarantined: quarantineSchema }).safeParse(said);
  const [issue] = whole.error.issues;
  return {
    memory: null,
    quarantined: part.success ? part.data.quarantined : [],
    trouble: `${issue?.path.join(".") || "it"}: ${issue?.message ?? "not understood"}`,
  };
}
