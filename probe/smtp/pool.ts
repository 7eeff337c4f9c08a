import { CONNECTIONS_MAX, HOSTS_REMEMBERED_MAX, PACE_PATIENCE_MS } from "../limits.ts";
import type { Profile } from "../pace/profile.ts";
import { Slots } from "../pace/slots.ts";
import { HostQueue } from "./host.ts";
import type { Admission, Grant, HostLimits, Target } from "./host-types.ts";
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
  /** Replies of one flight, and how many of them were permanent refusals. */
  readonly answered: (replies: number, refused: number) => void;
  /** The operator and source address whose connections are counted together; null where nobody counts. */
  readonly lane: Lane | null;
};

export type Lane = {
  readonly name: string;
  /** Connections that the operator may see at once, now. */
  readonly connections: () => number;
  /** Milliseconds for which it is not to be asked. */
  readonly pausedFor: () => number;
};

export type PoolStats = { readonly open: number; readonly opened: number; readonly failed: number };

/** Time in which a connection left idle may find new work before the pool looks whether it has too many. */
const SHED_AFTER_MS = 200;
/** The same, where others wait for it: a check asks its next question within the turn in which it hears an answer. */
const GIVE_WAY_AFTER_MS = 20;

/**
 * The queues of all hosts, by address and source, under one bound on open sockets, one on idle ones, and one for all
 * hosts of an operator together.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #queues = new Map<string, HostQueue>();
  /** Sockets of the whole probe, and of each operator and source that has any or is waited for. */
  readonly #sockets = new Slots<HostQueue>();
  readonly #lanes = new Map<string, Slots<HostQueue>>();
  readonly #laneOf = new WeakMap<HostQueue, Lane>();
  /** Queues whose connections have nothing to do, the longest idle first. */
  readonly #idle = new Set<HostQueue>();
  readonly #waking = new Set<Slots<HostQueue>>();
  /** The queue that asked for a socket last: tells a queue that wants none from one that got none. */
  #asked: HostQueue | null = null;
  #closed = false;
  #opened = 0;
  #failed = 0;
  #shedTimer: NodeJS.Timeout | null = null;
  #giveWayTimer: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  stats(): PoolStats {
    return { open: this.#sockets.held, opened: this.#opened, failed: this.#failed };
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
    if (this.#giveWayTimer !== null) clearTimeout(this.#giveWayTimer);
    this.#shedTimer = null;
    this.#giveWayTimer = null;
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    this.#sockets.clear();
    for (const slots of this.#lanes.values()) slots.clear();
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
      admit: (urgent) => this.#admit(queue, pace.lane, urgent),
      released: () => this.#released(pace.lane),
      answered: pace.answered,
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
    if (pace.lane !== null) this.#laneOf.set(queue, pace.lane);
    return queue;
  }

  #admit(queue: HostQueue, lane: Lane | null, urgent: boolean): Admission {
    this.#asked = queue;
    const slots = lane === null ? null : this.#slotsOf(lane);
    if (lane !== null && slots !== null) {
      // Nobody greets an operator only to find out that it is not to be asked.
      if (lane.pausedFor() > PACE_PATIENCE_MS) {
        this.#leave(queue);
        return "paused";
      }
      if (!slots.mayTake(queue, urgent, lane.connections())) {
        this.#sockets.leave(queue);
        slots.wait(queue, urgent);
        this.#giveWaySoon();
        this.#wakeSoon(slots, lane.connections);
        return "wait";
      }
    }
    if (!this.#sockets.mayTake(queue, urgent, CONNECTIONS_MAX)) {
      slots?.wait(queue, urgent);
      this.#sockets.wait(queue, urgent);
      this.#shed(1);
      return "wait";
    }
    slots?.take(queue);
    this.#sockets.take(queue);
    this.#opened += 1;
    return "open";
  }

  #released(lane: Lane | null): void {
    if (lane !== null) {
      const slots = this.#slotsOf(lane);
      slots.release();
      if (slots.waiting > 0) this.#wakeSoon(slots, lane.connections);
      else if (slots.held === 0) this.#lanes.delete(lane.name);
    }
    this.#sockets.release();
    if (this.#sockets.waiting > 0) this.#wakeSoon(this.#sockets, wholeProbe);
  }

  #slotsOf(lane: Lane): Slots<HostQueue> {
    const known = this.#lanes.get(lane.name);
    if (known !== undefined) return known;
    const slots = new Slots<HostQueue>();
    this.#lanes.set(lane.name, slots);
    return slots;
  }

  /** A queue wants no socket any more. */
  #leave(queue: HostQueue): void {
    this.#sockets.leave(queue);
    const lane = this.#laneOf.get(queue);
    if (lane === undefined) return;
    const slots = this.#slotsOf(lane);
    slots.leave(queue);
    if (slots.waiting > 0) this.#wakeSoon(slots, lane.connections);
    else if (slots.held === 0) this.#lanes.delete(lane.name);
  }

  /** Lets those who wait ask again, once the queue that has just changed is through with its own affairs. */
  #wakeSoon(slots: Slots<HostQueue>, most: () => number): void {
    if (this.#waking.has(slots)) return;
    this.#waking.add(slots);
    queueMicrotask(() => {
      this.#waking.delete(slots);
      this.#wake(slots, most);
    });
  }

  #wake(slots: Slots<HostQueue>, most: () => number): void {
    while (!this.#closed) {
      const next = slots.next(most());
      if (next === null) return;
      this.#asked = null;
      next.pump();
      // Still first in line: it waits for something else as well, or has found that it wants nothing any more.
      if (slots.next(most()) !== next) continue;
      if (this.#asked === next) return;
      this.#leave(next);
    }
  }

  #onIdle(queue: HostQueue): void {
    // A timer set now would hold a process that has nothing left to do.
    if (this.#closed) return;
    this.#idle.add(queue);
    if (this.#isInTheWay(queue)) this.#giveWaySoon();
    if (this.#idle.size <= this.#options.idleMax || this.#shedTimer !== null) return;
    this.#shedTimer = setTimeout(() => {
      this.#shedTimer = null;
      this.#shed(this.#idle.size - this.#options.idleMax);
    }, SHED_AFTER_MS);
  }

  /** Another host of the same operator waits for a connection. */
  #isInTheWay(queue: HostQueue): boolean {
    const lane = this.#laneOf.get(queue);
    return lane !== undefined && (this.#lanes.get(lane.name)?.waiting ?? 0) > 0;
  }

  /** An idle connection makes room for another host of its operator. */
  #giveWaySoon(): void {
    if (this.#giveWayTimer !== null || this.#idle.size === 0 || this.#closed) return;
    this.#giveWayTimer = setTimeout(() => {
      this.#giveWayTimer = null;
      for (const queue of this.#idle) if (this.#isInTheWay(queue)) this.#dismiss(queue);
    }, GIVE_WAY_AFTER_MS);
  }

  #shed(count: number): void {
    let left = count;
    for (const queue of this.#idle) {
      if (left <= 0) return;
      left -= 1;
      this.#dismiss(queue);
    }
  }

  /** Says QUIT on all idle connections of a host. */
  #dismiss(queue: HostQueue): void {
    this.#idle.delete(queue);
    while (queue.isIdle && queue.shedIdle()) {
      // One after the other.
    }
  }
}

const wholeProbe = (): number => CONNECTIONS_MAX;
