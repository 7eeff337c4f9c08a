/**
 * A bounded memory of pure results. Two generations: when the young one is full it becomes the old one and the old
 * one is forgotten; what is asked for again moves back into the young one. Close to least-recently-used at the cost
 * of one map look-up.
 */
export class Memo<V> {
  readonly #limit: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  constructor(generationEntries: number) {
    this.#limit = generationEntries;
  }

  /** The remembered value, or the computed one, remembered from now on. */
  get(key: string, compute: () => V): V {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const value = this.#old.get(key) ?? compute();
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
    return value;
  }

  /** Entries held, at most twice the generation's size. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
