type Entry<V> = { readonly value: V; readonly untilMs: number };

/** A map whose entries lapse, and whose oldest entries make room for new ones: bounded in time and in memory. */
export class TtlMap<V> {
  readonly #entries = new Map<string, Entry<V>>();
  readonly #max: number;

  constructor(maxEntries: number) {
    this.#max = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, nowMs: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs > nowMs) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: V, untilMs: number): void {
    // Deleting first moves a renewed key to the young end.
    this.#entries.delete(key);
    if (this.#entries.size >= this.#max) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(key, { value, untilMs });
  }

  /** What has not lapsed, the oldest first. */
  *entries(nowMs: number): Generator<readonly [string, V]> {
    for (const [key, { value, untilMs }] of this.#entries) if (untilMs > nowMs) yield [key, value];
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
