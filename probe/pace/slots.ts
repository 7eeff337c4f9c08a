/** Times in a row that somebody in a hurry goes before those who wait in bulk. */
const PASSED_OVER_MAX = 4;

/**
 * Who may hold one of few connections: counts those that are held and keeps the order of those who wait. First come,
 * first served in each of two lines; the urgent line goes first and may have one slot more than there are, but after
 * four who passed it the bulk line has its turn. Knows neither sockets nor clock.
 */
export class Slots<T> {
  readonly #urgent = new Set<T>();
  readonly #bulk = new Set<T>();
  #held = 0;
  #passedOver = 0;

  get held(): number {
    return this.#held;
  }

  get waiting(): number {
    return this.#urgent.size + this.#bulk.size;
  }

  /** Whose turn it is, if a slot is free; null when none is, or nobody waits. */
  next(most: number): T | null {
    const [patient] = this.#bulk;
    const due = patient !== undefined && this.#passedOver >= PASSED_OVER_MAX;
    // The extra slot rests until a patient one has had its turn: it would be taken by the next in a hurry for ever.
    if (this.#held >= (due ? most : most + 1)) return null;
    const [hurried] = this.#urgent;
    if (this.#held === most) return hurried ?? null;
    return due || hurried === undefined ? (patient ?? null) : hurried;
  }

  /** Whether `who` may take a slot now: one is free, and nobody waits before it. */
  mayTake(who: T, urgent: boolean, most: number): boolean {
    if (this.#held >= (urgent ? most + 1 : most)) return false;
    const next = this.next(most);
    return next === who || (next === null && this.#passedOver < PASSED_OVER_MAX);
  }

  take(who: T): void {
    this.#held += 1;
    if (this.#bulk.delete(who) || this.#bulk.size === 0) this.#passedOver = 0;
    else this.#passedOver += 1;
    this.#urgent.delete(who);
  }

  release(): void {
    this.#held -= 1;
  }

  /** Puts `who` into its line, where it keeps the place that it may have. */
  wait(who: T, urgent: boolean): void {
    (urgent ? this.#bulk : this.#urgent).delete(who);
    (urgent ? this.#urgent : this.#bulk).add(who);
    if (this.#bulk.size === 0) this.#passedOver = 0;
  }

  /** Somebody no longer wants a slot. */
  leave(who: T): void {
    this.#urgent.delete(who);
    this.#bulk.delete(who);
    if (this.#bulk.size === 0) this.#passedOver = 0;
  }

  clear(): void {
    this.#urgent.clear();
    this.#bulk.clear();
  }
}
