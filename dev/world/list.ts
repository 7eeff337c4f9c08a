import { WORLD_SUFFIX } from "./directory.ts";
import { personalities } from "./personalities/registry.ts";
import { mailboxTruth } from "./truth.ts";
import type { Personality, Truth } from "./types.ts";

/** Local-part stems by how often they come, in percent; each names a kind of mailbox. */
const STEMS: readonly (readonly [string, number])[] = [
  ["user", 35],
  ["alice", 10],
  ["info", 5],
  ["nobody", 15],
  ["unknown", 5],
  ["gone", 5],
  ["full", 5],
  ["disabled", 5],
  ["grey", 5],
  ["restricted", 3],
  ["moved", 2],
  ["forwarded", 3],
  ["busy", 2],
];
const WHEEL: readonly string[] = STEMS.flatMap(([stem, percent]) => Array.from({ length: percent }, () => stem));

/** Numbered domains per personality in a list, beside its plain and its real ones. */
const NUMBERED_DOMAINS = 10;

export type ListOptions = {
  /** With the personalities whose check takes long (silence, tarpits, black holes). */
  readonly slow?: boolean;
  /** With those that would lead a client without an address guard out of the loopback network. */
  readonly unsafe?: boolean;
};

/** What the world has to offer, for people and for tests that walk through all of it. */
export function catalogue(): readonly {
  name: string;
  domain: string;
  description: string;
  slow: boolean;
  unsafe: boolean;
}[] {
  return personalities().map(({ name, description, slow, unsafe }) => ({
    name,
    domain: `${name}.${WORLD_SUFFIX}`,
    description,
    slow,
    unsafe,
  }));
}

/**
 * `count` distinct addresses with their truths, the same for the same seed (an integer). Personalities take turns,
 * so that a list of a few hundred covers them all; local parts are legal at every provider.
 */
export function* worldList(
  count: number,
  seed: number,
  options: ListOptions = {},
): Generator<{ readonly email: string; readonly truth: Truth }> {
  const chosen = personalities().filter((one) => (options.slow || !one.slow) && (options.unsafe || !one.unsafe));
  const random = generator(seed);
  for (let i = 0; i < count; i += 1) {
    const personality = chosen[i % chosen.length];
    if (!personality) return;
    const local = `${WHEEL[Math.floor(random() * WHEEL.length)] ?? "user"}${String(i).padStart(4, "0")}`;
    const email = `${local}@${domainOf(personality, random())}`;
    yield { email, truth: mailboxTruth(personality, local) };
  }
}

function domainOf(personality: Personality, chance: number): string {
  const { name, domains } = personality;
  const pick = Math.floor(chance * (NUMBERED_DOMAINS + 1 + domains.length));
  if (pick < NUMBERED_DOMAINS) return `${name}-${pick}.${WORLD_SUFFIX}`;
  return domains[pick - NUMBERED_DOMAINS - 1] ?? `${name}.${WORLD_SUFFIX}`;
}

/** Mulberry32, a small seeded generator of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
