/** A pause that can be cut short. One waiter at a time. */
export class Waker {
  #wake: (() => void) | null = null;

  /** Resolves after `ms`, or when woken. */
  async wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#wake = null;
  }

  wake(): void {
    this.#wake?.();
  }
}
