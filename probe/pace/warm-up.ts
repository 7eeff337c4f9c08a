const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** Recipients a day in the first week of a new source address; every week twice as many (MAIL.md 7, E8). */
const FIRST_WEEK_PER_DAY = 200;
/** After so many weeks (a hundred million a day) there is nothing left to limit. */
const WEEKS_MAX = 19;

/** How many recipients a source address may ask about in a day, by its age. A start in the future counts as today. */
export function warmUpCap(sinceMs: number, nowMs: number): number {
  const weeks = Math.floor(Math.max(0, nowMs - sinceMs) / WEEK_MS);
  return weeks >= WEEKS_MAX ? Number.POSITIVE_INFINITY : FIRST_WEEK_PER_DAY * 2 ** weeks;
}

export type Used = { readonly source: string; readonly day: number; readonly count: number };

/** Counts what each source address has asked today and says what is left. One entry per address of this machine. */
export class WarmUp {
  readonly #sinceMs: number;
  readonly #used = new Map<string, { readonly day: number; count: number }>();

  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  left(source: string, nowMs: number): number {
    const used = this.#used.get(source);
    const today = used?.day === Math.floor(nowMs / DAY_MS) ? used.count : 0;
    return Math.max(0, warmUpCap(this.#sinceMs, nowMs) - today);
  }

  count(source: string, recipients: number, nowMs: number): void {
    const day = Math.floor(nowMs / DAY_MS);
    const used = this.#used.get(source);
    if (used?.day === day) used.count += recipients;
    else this.#used.set(source, { day, count: recipients });
  }

  /** Milliseconds until a spent source may ask again; 0 while it may. */
  pausedFor(source: string, nowMs: number): number {
    return this.left(source, nowMs) > 0 ? 0 : DAY_MS - (nowMs % DAY_MS);
  }

  /** What each source has asked, and on which day since 1970. */
  dump(): readonly Used[] {
    return [...this.#used].map(([source, { day, count }]) => ({ source, day, count }));
  }

  restore(used: readonly Used[]): void {
    for (const { source, day, count } of used) this.#used.set(source, { day, count });
  }
}
