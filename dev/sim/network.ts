import type { Chance, Timeline } from "./clock.ts";
import type { Plan } from "./plan.ts";

export type End = { message(text: string): void; closed(code: number, why: string): void };

/**
 * One WebSocket. Frames arrive in order after a delay, unless the plan drops, repeats or reorders them, which is worse
 * than TCP. A cut loses what is on the way, and the two ends may notice at very different times.
 */
export class Pipe {
  readonly #time: Timeline;
  readonly #chance: Chance;
  readonly #plan: Plan;
  readonly #storm: () => boolean;
  readonly #ends: { readonly hub: End; readonly probe: End };
  readonly #lastMs = { hub: 0, probe: 0 };
  readonly #open = { hub: true, probe: true };
  #alive = true;

  constructor(time: Timeline, chance: Chance, plan: Plan, storm: () => boolean, ends: { hub: End; probe: End }) {
    this.#time = time;
    this.#chance = chance;
    this.#plan = plan;
    this.#storm = storm;
    this.#ends = ends;
  }

  send(to: "hub" | "probe", text: string): void {
    if (!this.#alive || !this.#open[to === "hub" ? "probe" : "hub"]) return;
    if (this.#storm() && this.#chance.is(this.#plan.drop)) return;
    const copies = this.#storm() && this.#chance.is(this.#plan.repeat) ? 2 : 1;
    for (let i = 0; i < copies; i++) this.#deliver(to, text);
  }

  #deliver(to: "hub" | "probe", text: string): void {
    const delay = this.#chance.int(1, this.#plan.latencyMs);
    let atMs = this.#time.nowMs + delay;
    if (!(this.#storm() && this.#chance.is(this.#plan.reorder))) {
      atMs = Math.max(atMs, this.#lastMs[to]);
      this.#lastMs[to] = atMs;
    }
    this.#time.after(atMs - this.#time.nowMs, () => {
      if (this.#alive && this.#open[to]) this.#ends[to].message(text);
    });
  }

  /** One side closes: it hears so at once, the other after what was sent before has arrived. */
  close(by: "hub" | "probe", code: number, why: string): void {
    if (!this.#open[by]) return;
    this.#open[by] = false;
    this.#ends[by].closed(code, why);
    const other = by === "hub" ? "probe" : "hub";
    const atMs = Math.max(this.#time.nowMs + 1, this.#lastMs[other]) + 1;
    this.#time.after(atMs - this.#time.nowMs, () => this.#shut(other, code, why));
  }

  /** The connection breaks, or the process at one end dies without a word. */
  cut(silent: "hub" | "probe" | null): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const side of ["hub", "probe"] as const) {
      if (side === silent) this.#open[side] = false;
      // A half-open connection: nobody tells this end until it asks itself.
      else if (!this.#chance.is(0.2))
        this.#time.after(this.#chance.int(1, 3_000), () => this.#shut(side, 1006, "reset"));
    }
  }

  #shut(side: "hub" | "probe", code: number, why: string): void {
    if (!this.#open[side]) return;
    this.#open[side] = false;
    this.#ends[side].closed(code, why);
  }
}
