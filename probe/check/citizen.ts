import type { Caps } from "../config.ts";
import { ADDRESS_VISITS_PER_DAY, DOMAIN_VISITS_PER_DAY, VISITS_MAX_ENTRIES } from "../limits.ts";
import { TtlMap } from "../ttl-map.ts";

const DAY_MS = 86_400_000;

/** Counts of one day, by name or by what stands for it. */
export type DayCounts = {
  /** Days since 1970. */
  readonly day: number;
  readonly addresses: readonly (readonly [string, number])[];
  readonly domains: readonly (readonly [string, number])[];
};

/** Counts of one day over all tenants (MAIL.md 7, E3). Bounded: the oldest count is forgotten first. */
export class VisitBook {
  readonly #caps: Pick<Caps, "addressPerDay" | "domainPerDay">;
  readonly #nameOf: (text: string) => string;
  readonly #addresses = new TtlMap<number>(VISITS_MAX_ENTRIES);
  readonly #domains = new TtlMap<number>(VISITS_MAX_ENTRIES);
  #changes = 0;

  /** @param nameOf what stands for an address or a domain: a hash where the counts are written down */
  constructor(
    caps: Pick<Caps, "addressPerDay" | "domainPerDay"> = STANDARD_CAPS,
    nameOf: (text: string) => string = (text) => text,
  ) {
    this.#caps = caps;
    this.#nameOf = nameOf;
  }

  /** Grows with each visit. */
  get changes(): number {
    return this.#changes;
  }

  /** Counts a first visit to an address; false when it has had its share of the day. Retries belong to their visit. */
  mayVisit(address: string, nowMs: number): boolean {
    return this.#count(this.#addresses, address, this.#caps.addressPerDay, nowMs);
  }

  /** Counts an address of a domain; false when the domain has had its share of the day. */
  mayAsk(domain: string, nowMs: number): boolean {
    return this.#count(this.#domains, domain, this.#caps.domainPerDay, nowMs);
  }

  dump(nowMs: number): DayCounts {
    const day = dayOf(nowMs);
    return { day, addresses: today(this.#addresses, day, nowMs), domains: today(this.#domains, day, nowMs) };
  }

  /** Takes counts back; those of another day are over. */
  restore({ day, addresses, domains }: DayCounts, nowMs: number): void {
    if (day !== dayOf(nowMs)) return;
    const untilMs = (day + 1) * DAY_MS;
    for (const [name, count] of addresses) this.#addresses.set(`${day} ${name}`, count, untilMs);
    for (const [name, count] of domains) this.#domains.set(`${day} ${name}`, count, untilMs);
  }

  #count(book: TtlMap<number>, text: string, most: number, nowMs: number): boolean {
    const day = dayOf(nowMs);
    const dated = `${day} ${this.#nameOf(text)}`;
    const before = book.get(dated, nowMs) ?? 0;
    if (before >= most) return false;
    book.set(dated, before + 1, (day + 1) * DAY_MS);
    this.#changes += 1;
    return true;
  }
}

const STANDARD_CAPS = { addressPerDay: ADDRESS_VISITS_PER_DAY, domainPerDay: DOMAIN_VISITS_PER_DAY };

const dayOf = (nowMs: number): number => Math.floor(nowMs / DAY_MS);

function today(book: TtlMap<number>, day: number, nowMs: number): readonly (readonly [string, number])[] {
  const counts: (readonly [string, number])[] = [];
  const prefix = `${day} `;
  for (const [dated, count] of book.entries(nowMs)) {
    if (dated.startsWith(prefix)) counts.push([dated.slice(prefix.length), count]);
  }
  return counts;
}

/** Milliseconds to the end of the day by which caps count. */
export const restOfDay = (nowMs: number): number => DAY_MS - (nowMs % DAY_MS);

/** Guesses at one person's address that make a list a harvest (MAIL.md 7, E4). */
const PERMUTATIONS_MAX = 8;
/** Consecutive numbers behind one stem that no real list has. */
const SEQUENCE_MAX = 50;

/** Whether the local parts asked about at one domain look guessed rather than collected. */
export function looksHarvested(locals: readonly string[]): boolean {
  const lower = new Set(locals.map((local) => local.toLowerCase()));
  return longestSequence(lower) >= SEQUENCE_MAX || mostPermutations(lower) >= PERMUTATIONS_MAX;
}

function longestSequence(locals: ReadonlySet<string>): number {
  const numbers = new Map<string, Set<number>>();
  for (const local of locals) {
    const match = /^(.*?)(\d{1,9})$/.exec(local);
    if (match === null) continue;
    const stem = match[1] ?? "";
    const seen = numbers.get(stem) ?? new Set<number>();
    seen.add(Number(match[2]));
    numbers.set(stem, seen);
  }
  let longest = 0;
  for (const seen of numbers.values()) {
    for (const number of seen) {
      if (seen.has(number - 1)) continue;
      let end = number;
      while (seen.has(end + 1)) end += 1;
      longest = Math.max(longest, end - number + 1);
    }
  }
  return longest;
}

/** Names are taken from "first.last" and the like; every usual way to write them at this domain counts. */
function mostPermutations(locals: ReadonlySet<string>): number {
  let most = 0;
  for (const local of locals) {
    const match = /^([a-z]{2,})[._-]([a-z]{2,})$/.exec(local);
    if (match === null) continue;
    const written = waysToWrite(match[1] ?? "", match[2] ?? "");
    most = Math.max(most, written.filter((way) => locals.has(way)).length);
  }
  return most;
}

function waysToWrite(first: string, last: string): readonly string[] {
  const f = first.charAt(0);
  const l = last.charAt(0);
  const pairs: readonly (readonly [string, string])[] = [
    [first, last],
    [last, first],
    [f, last],
    [last, f],
    [first, l],
    [l, first],
  ];
  return [first, last, ...pairs.flatMap(([a, b]) => ["", ".", "_", "-"].map((mark) => `${a}${mark}${b}`))];
}
