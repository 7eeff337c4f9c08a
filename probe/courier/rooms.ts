import { HELD_BACK_MAX } from "./limits.ts";
import { type Pace, paceAfter, roomNow } from "./pace.ts";

/** Counts what is in flight per endpoint, and remembers which endpoints are held back. */
export class Rooms {
  #cap: number;
  #inFlight = new Map<string, number>();
  #held = new Map<string, Pace>();

  constructor(cap: number) {
    this.#cap = cap;
  }

  enter(endpoint: string): void {
    this.#inFlight.set(endpoint, (this.#inFlight.get(endpoint) ?? 0) + 1);
  }

  leave(endpoint: string, slow: boolean, nowMs: number): void {
    const left = (this.#inFlight.get(endpoint) ?? 1) - 1;
    if (left > 0) this.#inFlight.set(endpoint, left);
    else this.#inFlight.delete(endpoint);
    const before = this.#held.get(endpoint) ?? null;
    if (before === null && !slow) return;
    this.#held.delete(endpoint);
    const pace = paceAfter(before, slow, nowMs, this.#cap);
    if (pace === null) return;
    this.#held.set(endpoint, pace);
    const [oldest] = this.#held.keys();
    if (this.#held.size > HELD_BACK_MAX && oldest !== undefined) this.#held.delete(oldest);
  }

  /** Slots that count as taken per endpoint, in the terms of claim_deliveries(): cap minus this may be claimed. */
  taken(nowMs: number): Record<string, number> {
    const taken = Object.fromEntries(this.#inFlight);
    for (const [endpoint, pace] of this.#held) {
      taken[endpoint] = (taken[endpoint] ?? 0) + this.#cap - roomNow(pace, nowMs);
    }
    return taken;
  }
}
