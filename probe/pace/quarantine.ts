import { SOURCE_BLOCKS_MAX } from "../limits.ts";
import { LISTING_KEPT_MS } from "./limits.ts";

/** A source address that operators list. Times are epoch ms. */
export type Listing = {
  readonly source: string;
  /** Who said so: operators by name, other hosts by hash where names are not kept. */
  readonly operators: readonly string[];
  /** When the last of them said so. */
  readonly atMs: number;
  /** The edge knows of the quarantine, so that its release is ours. */
  readonly told: boolean;
};

/** Which source addresses are listed, and which of them are out of use until a person releases them (MAIL.md 7, E6). */
export class Quarantine {
  /** At most one entry per address of this machine. */
  readonly #listings = new Map<string, Listing>();
  readonly #onQuarantined: (source: string) => void;
  #changes = 0;

  /** @param onQuarantined told once of each address that goes out of use */
  constructor(onQuarantined: (source: string) => void = () => {}) {
    this.#onQuarantined = onQuarantined;
  }

  get changes(): number {
    return this.#changes;
  }

  /** An operator lists the address. One alone may be mistaken, and what was said long ago may be over. */
  listed(source: string, operator: string, nowMs: number): void {
    const before = this.#listings.get(source);
    if (before !== undefined && isOut(before)) return;
    const recent = before !== undefined && nowMs - before.atMs < LISTING_KEPT_MS ? before.operators : [];
    const operators = [...new Set([...recent, operator])];
    const listing = { source, operators, atMs: nowMs, told: false };
    this.#put(listing);
    if (isOut(listing)) this.#onQuarantined(source);
  }

  has(source: string): boolean {
    const listing = this.#listings.get(source);
    return listing !== undefined && isOut(listing);
  }

  /** The addresses out of use. */
  out(): readonly Listing[] {
    return [...this.#listings.values()].filter(isOut);
  }

  /** The edge has taken note. */
  tell(source: string): void {
    const listing = this.#listings.get(source);
    if (listing !== undefined) this.#put({ ...listing, told: true });
  }

  release(source: string): void {
    if (this.#listings.delete(source)) this.#changes += 1;
  }

  dump(): readonly Listing[] {
    return [...this.#listings.values()];
  }

  restore(listings: readonly Listing[]): void {
    for (const listing of listings) this.#listings.set(listing.source, listing);
  }

  #put(listing: Listing): void {
    this.#listings.set(listing.source, listing);
    this.#changes += 1;
  }
}

const isOut = ({ operators }: Listing): boolean => operators.length >= SOURCE_BLOCKS_MAX;
