import { HOST_FACT_TTL_MS, HOST_FACTS_MAX_ENTRIES } from "../limits.ts";
import { TtlMap } from "../ttl-map.ts";
import type { ControlAnswer, ControlOutcome } from "./control.ts";

/** What hosts have taught this probe within a day. All maps are bounded. */
export class HostBook {
  readonly #controls = new TtlMap<ControlAnswer>(HOST_FACTS_MAX_ENTRIES);
  readonly #templates = new TtlMap<string>(HOST_FACTS_MAX_ENTRIES);
  readonly #acceptances = new TtlMap<true>(HOST_FACTS_MAX_ENTRIES);
  readonly #asking = new Map<string, Promise<ControlOutcome>>();
  #hits = 0;
  #misses = 0;

  stats(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /**
   * The answer to a control address: known, being asked by somebody else, or asked now.
   * @param key domain and MX host, or operator and source for canaries
   */
  async control(key: string, nowMs: number, ask: () => Promise<ControlOutcome>): Promise<ControlOutcome> {
    const known = this.#controls.get(key, nowMs);
    if (known !== undefined) {
      this.#hits += 1;
      return known;
    }
    const asked = this.#asking.get(key);
    if (asked !== undefined) return asked;
    this.#misses += 1;
    const asking = ask().finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    const answer = await asking;
    if (answer !== null && answer !== "later") this.#controls.set(key, answer, nowMs + HOST_FACT_TTL_MS);
    return answer;
  }

  knownControl(key: string, nowMs: number): ControlAnswer | null {
    return this.#controls.get(key, nowMs) ?? null;
  }

  forgetControl(key: string): void {
    this.#controls.delete(key);
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
}
