import { CONNECTIONS_MAX, HOSTS_REMEMBERED_MAX } from "../limits.ts";
import type { Profile } from "../pace/profile.ts";
import { HostQueue } from "./host.ts";
import type { Grant, HostLimits, Target } from "./host-types.ts";
import type { Visit } from "./visit.ts";

export type PoolOptions = {
  readonly profile: Profile;
  readonly port: number;
  /** Idle connections kept, and for how long. */
  readonly idleMax: number;
  readonly idleMs: number;
  readonly now: () => number;
  readonly record: ((host: string, direction: ">" | "<", text: string) => void) | null;
};

/** How one host may be asked: from the pace of its operator. */
export type HostPace = {
  readonly limits: HostLimits;
  readonly grant: (wanted: number, urgent: boolean) => Grant;
  readonly connected: (good: boolean) => void;
};

export type PoolStats = { readonly open: number; readonly opened: number; readonly failed: number };

/** Time in which a connection left idle may find new work before the pool looks whether it has too many. */
const SHED_AFTER_MS = 200;

/** The queues of all hosts, by address and source, under one bound on open sockets and one on idle ones. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #queues = new Map<string, HostQueue>();
  /** Queues that wait for a socket, in order. */
  readonly #starving = new Set<HostQueue>();
  /** Queues whose connections have nothing to do, the longest idle first. */
  readonly #idle = new Set<HostQueue>();
  #closed = false;
  #open = 0;
  #opened = 0;
  #failed = 0;
  #shedTimer: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  stats(): PoolStats {
    return { open: this.#open, opened: this.#opened, failed: this.#failed };
  }

  /** Puts a visit into the queue of its host; several names of one address share it. */
  submit(target: Target, visit: Visit, pace: () => HostPace): HostQueue {
    const key = `${target.source} ${[...target.addresses].sort().join(" ")}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = this.#createQueue(key, target, pace());
      if (!this.#closed) this.#queues.set(key, queue);
    }
    this.#idle.delete(queue);
    // After `close` nobody is dialled any more; checks still under way come to their end here.
    if (this.#closed) queueMicrotask(() => queue?.cancel(visit));
    else queue.submit(visit);
    return queue;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#shedTimer !== null) clearTimeout(this.#shedTimer);
    this.#shedTimer = null;
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    this.#starving.clear();
    await Promise.all(queues.map((queue) => queue.close()));
  }

  #createQueue(key: string, target: Target, pace: HostPace): HostQueue {
    const queue: HostQueue = new HostQueue(target, {
      profile: this.#options.profile,
      port: this.#options.port,
      idleMs: this.#options.idleMs,
      limits: pace.limits,
      now: this.#options.now,
      record: this.#options.record,
      grant: pace.grant,
      admit: () => this.#admit(queue),
      released: () => this.#released(),
      connected: (good) => {
        if (!good) this.#failed += 1;
        pace.connected(good);
      },
      idle: () => this.#onIdle(queue),
      empty: () => {
        this.#idle.delete(queue);
        // What a host has taught us is kept as long as there is room.
        if (this.#queues.size > HOSTS_REMEMBERED_MAX) this.#queues.delete(key);
      },
    });
    return queue;
  }

  #admit(queue: HostQueue): boolean {
    if (this.#open < CONNECTIONS_MAX) {
      this.#open += 1;
      this.#opened += 1;
      return true;
    }
    this.#starving.add(queue);
    this.#shed(1);
    return false;
  }

  #released(): void {
    this.#open -= 1;
    const [next] = this.#starving;
    if (next === undefined) return;
    this.#starving.delete(next);
    queueMicrotask(() => next.pump());
  }

  #onIdle(queue: HostQueue): void {
    this.#idle.add(queue);
    if (this.#idle.size <= this.#options.idleMax || this.#shedTimer !== null) return;
    this.#shedTimer = setTimeout(() => {
      this.#shedTimer = null;
      this.#shed(this.#idle.size - this.#options.idleMax);
    }, SHED_AFTER_MS);
  }

  #shed(count: number): void {
    let left = count;
    for (const queue of this.#idle) {
      if (left <= 0) return;
      left -= 1;
      this.#idle.delete(queue);
      while (queue.isIdle && queue.shedIdle()) {
        // All idle connections of this host.
      }
    }
  }
}
