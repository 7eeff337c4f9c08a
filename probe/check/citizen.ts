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
