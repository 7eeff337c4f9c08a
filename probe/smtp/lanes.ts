import type { Visit } from "./visit.ts";

/** The visits that wait at a host, in order; urgent ones go before bulk. */
export class Lanes {
  #urgent: Visit[] = [];
  #bulk: Visit[] = [];

  get isEmpty(): boolean {
    return this.#urgent.length + this.#bulk.length === 0;
  }

  get hasUrgent(): boolean {
    return this.#urgent.length > 0;
  }

  all(): readonly Visit[] {
    return [...this.#urgent, ...this.#bulk];
  }

  add(visit: Visit): void {
    (visit.urgent ? this.#urgent : this.#bulk).push(visit);
  }

  /** Puts a visit that has questions again at the head of its lane, unless it stands in it. */
  putBack(visit: Visit): void {
    const lane = visit.urgent ? this.#urgent : this.#bulk;
    if (!lane.includes(visit)) lane.unshift(visit);
  }

  remove(visit: Visit): void {
    this.#urgent = this.#urgent.filter((other) => other !== visit);
    this.#bulk = this.#bulk.filter((other) => other !== visit);
  }

  /** Questions that wait. */
  waiting(): number {
    let waiting = 0;
    for (const visit of this.#urgent) waiting += visit.todo.length;
    for (const visit of this.#bulk) waiting += visit.todo.length;
    return waiting;
  }

  /** The first visit with a question; those before it leave. */
  next(): Visit | null {
    for (const lane of [this.#urgent, this.#bulk]) {
      while (lane[0] !== undefined && lane[0].todo.length === 0) lane.shift();
      if (lane[0] !== undefined) return lane[0];
    }
    return null;
  }
}
