import { CONTROL_KEPT_MS, HOST_FACT_TTL_MS, HOST_FACTS_MAX_ENTRIES } from "../limits.ts";
import { TtlMap } from "../ttl-map.ts";
import { type ControlAnswer, type ControlOutcome, isFresh } from "./control.ts";

const HOUR_MS = 3_600_000;

/** Refusals of an hour and of the hour before it. */
type Refusals = { readonly sinceMs: number; readonly count: number; readonly before: number };

/** What hosts have taught this probe. All maps are bounded. */
export class HostBook {
  readonly #controls = new TtlMap<ControlAnswer>(HOST_FACTS_MAX_ENTRIES);
  readonly #templates = new TtlMap<string>(HOST_FACTS_MAX_ENTRIES);
  readonly #acceptances = new TtlMap<true>(HOST_FACTS_MAX_ENTRIES);
  readonly #refusals = new TtlMap<Refusals>(HOST_FACTS_MAX_ENTRIES);
  readonly #asking = new Map<string, Promise<ControlOutcome>>();
  #hits = 0;
  #misses = 0;

  stats(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /**
   * The answer to a control address: known and fresh, being asked by somebody else, or asked now.
   * @param key domain and MX host, or operator and source for canaries
   * @param anew whatever is known is doubted
   * @param ask is told the answer before this one, if it is remembered
   */
  async control(
    key: string,
    nowMs: number,
    anew: boolean,
    ask: (earlier: ControlAnswer | null) => Promise<ControlOutcome>,
  ): Promise<ControlOutcome> {
    const known = this.#controls.get(key, nowMs) ?? null;
    if (known !== null && !anew && isFresh(known, nowMs)) {
      this.#hits += 1;
      return known;
    }
    const asked = this.#asking.get(key);
    if (asked !== undefined) return asked;
    this.#misses += 1;
    const asking = ask(known).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    const answer = await asking;
    if (answer !== null && answer !== "later") this.#controls.set(key, answer, nowMs + CONTROL_KEPT_MS);
    else if (anew) this.#controls.delete(key);
    return answer;
  }

  /** A fresh answer, without asking for one. */
  knownControl(key: string, nowMs: number): ControlAnswer | null {
    const known = this.#controls.get(key, nowMs) ?? null;
    return known !== null && isFresh(known, nowMs) ? known : null;
  }

  /** Fingerprint of this host's "user unknown" as said to this source. */
  template(key: string, nowMs: number): string | null {
    return this.#templates.get(key, nowMs) ?? null;
  }

  learnTemplate(key: string, template: string, nowMs: number): void {
    this.#templates.set(key, template, nowMs + HOST_FACT_TTL_MS);
  }

  hasAccepted(key: string, nowMs: number): boolean {
    return this.#acceptances.get(key, nowMs) === true;
  }

  learnAcceptance(key: string, nowMs: number): void {
    this.#acceptances.set(key, true, nowMs + HOST_FACT_TTL_MS);
  }

  /** Adds recipients that a host has refused to a source, and tells how many there were within the last hour or two. */
  countRefusals(key: string, refused: number, nowMs: number): number {
    const { sinceMs, count, before } = this.#refusals.get(key, nowMs) ?? { sinceMs: nowMs, count: 0, before: 0 };
    const hours = Math.floor((nowMs - sinceMs) / HOUR_MS);
    const now: Refusals =
      hours === 0
        ? { sinceMs, count: count + refused, before }
        : { sinceMs: sinceMs + hours * HOUR_MS, count: refused, before: hours === 1 ? count : 0 };
    if (refused > 0 || hours > 0) this.#refusals.set(key, now, nowMs + 2 * HOUR_MS);
    return now.count + now.before;
  }
}
