import { GREYLIST_MAX_ENTRIES } from "../limits.ts";

/** Remembers first tries by source, sender and recipient, as postgrey does. */
export class Greylist {
  readonly #windowMs: number;
  readonly #firstTries = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Whether this triplet was first tried at least one window before `nowMs`. */
  passes(source: string, sender: string, recipient: string, nowMs: number): boolean {
    const key = `${source} ${sender} ${recipient}`;
    const first = this.#firstTries.get(key);
    if (first !== undefined) return nowMs - first >= this.#windowMs;
    if (this.#firstTries.size >= GREYLIST_MAX_ENTRIES) {
      const oldest = this.#firstTries.keys().next();
      if (!oldest.done) this.#firstTries.delete(oldest.value);
    }
    this.#firstTries.set(key, nowMs);
    return false;
  }

  clear(): void {
    this.#firstTries.clear();
  }
}
