import { PORT_WATCH_HOSTS } from "../limits.ts";

/**
 * Tells hosts that cannot be reached from a port 25 that is blocked where we are: when connection attempts to many
 * different hosts all vanish and none has ever come through, it is our side.
 */
export class PortWatch {
  readonly #silent = new Set<string>();
  #worked = false;

  get isBlocked(): boolean {
    return !this.#worked && this.#silent.size >= PORT_WATCH_HOSTS;
  }

  worked(): void {
    this.#worked = true;
    this.#silent.clear();
  }

  timedOut(host: string): void {
    if (!this.#worked && this.#silent.size < PORT_WATCH_HOSTS) this.#silent.add(host);
  }
}
