import { CHUNK_TARGET_ITEMS } from "../../shared/limits.ts";
import type { ProbeFrame, TaskFrame } from "../../shared/wire/frames.ts";
import { hash32 } from "./affinity.ts";
import { createLanes, type Lanes } from "./lanes.ts";

/** A chunk as the hub remembers it; its body stays in storage until it is leased. */
export type Chunk = {
  /** Key of its row. */
  readonly seq: number;
  readonly id: string;
  readonly tenant: string;
  readonly job: string;
  /** Index into LANES. */
  readonly lane: number;
  readonly domain: string;
  readonly size: number;
  /** A detached real-time check: its probe has the work already, so there is no body and it fills a real-time slot. */
  readonly bare: boolean;
  /** The probe that deferred its items and should ask again. */
  readonly sticky: string | null;
  readonly queuedAtMs: number;
  /** Hash of `domain#k`; 0 when the chunk is of many domains. */
  affinity: number;
  skips: number;
  nacks: number;
  /** The probe that affinity picks, valid in that epoch of the fleet. */
  preferred: string | null;
  preferredEpoch: number;
  holder: string | null;
  lease: number;
  leasedAtMs: number;
};

export type Hello = Extract<ProbeFrame, { t: "hello" }>;

export type Probe = {
  readonly id: string;
  readonly hash: number;
  /** Null for a probe that is known by its stored leases alone. */
  hello: Hello | null;
  /** The open socket's session; null while away. */
  session: string | null;
  draining: boolean;
  window: number;
  slots: number;
  /** Addresses leased in bulk; real-time checks running here. */
  leased: number;
  running: number;
  /** Chunk ids, oldest lease first. */
  readonly leases: Map<string, Chunk>;
  seenAtMs: number;
  awayAtMs: number;
  report: unknown;
};

/** A real-time check. Held in memory alone: whoever asked still waits, or has handed it over by `detach`. */
export type Task = {
  readonly id: string;
  readonly frame: TaskFrame;
  readonly key: number;
  probe: string | null;
  readonly tried: Set<string>;
};

/** One socket: who may say hello on it, and how much it talks. */
export type Session = {
  readonly credential: string;
  readonly region: string;
  readonly quarantined: readonly string[];
  readonly shards: number;
  probe: string | null;
  frames: number;
  sinceMs: number;
};

export type HubState = {
  readonly sessions: Map<string, Session>;
  readonly probes: Map<string, Probe>;
  readonly chunks: Map<string, Chunk>;
  readonly lanes: Lanes<Chunk>;
  /** Deferred chunks that wait for their own probe, oldest first. */
  readonly sticky: Map<string, Map<string, Chunk>>;
  /** Addresses queued by domain, and how many shares have been dealt. */
  readonly domains: Map<string, { queued: number; dealt: number }>;
  readonly tasks: Map<string, Task>;
  /** Task ids that wait for a slot. */
  readonly waiting: Set<string>;
  /** Chunks to be planned again, with the delay wanted; their rows stay until Postgres has confirmed. */
  readonly lost: Map<string, { readonly seq: number; readonly afterMs: number }>;
  /** Addresses leased in bulk. */
  leased: number;
  /** Sum of the windows of probes that take work, and their number. */
  capacity: number;
  online: number;
  /** Changes with the set of probes that take work. */
  epoch: number;
  nextSeq: number;
  nextLease: number;
  alarmAtMs: number;
  /** A turn has been asked for to go on leasing. */
  moreAsked: boolean;
  readonly refill: {
    busy: boolean;
    /** Woken during a call: look again at once. */
    again: boolean;
    /** When to look next, and a time learnt during a call. */
    dueAtMs: number;
    laterMs: number;
    failures: number;
    /** Shape of what came last: distinct tenants, and addresses per chunk. */
    tenants: number;
    chunkSize: number;
  };
  /** Frames that made no sense here: late, repeated, lying. */
  ignored: number;
};

/** A hub that knows nothing yet. `nowMs` starts the lease numbers, so that no number is ever used twice. */
export const createHub = (nowMs: number): HubState => ({
  sessions: new Map(),
  probes: new Map(),
  chunks: new Map(),
  lanes: createLanes(),
  sticky: new Map(),
  domains: new Map(),
  tasks: new Map(),
  waiting: new Set(),
  lost: new Map(),
  leased: 0,
  capacity: 0,
  online: 0,
  epoch: 1,
  nextSeq: 1,
  nextLease: Math.floor(nowMs),
  alarmAtMs: Number.POSITIVE_INFINITY,
  moreAsked: false,
  refill: {
    busy: false,
    again: false,
    dueAtMs: 0,
    laterMs: Number.POSITIVE_INFINITY,
    failures: 0,
    tenants: 1,
    chunkSize: CHUNK_TARGET_ITEMS,
  },
  ignored: 0,
});

/** A probe that is not connected (yet). */
export const newProbe = (id: string, now: number): Probe => ({
  id,
  hash: hash32(id),
  hello: null,
  session: null,
  draining: false,
  window: 0,
  slots: 0,
  leased: 0,
  running: 0,
  leases: new Map(),
  seenAtMs: now,
  awayAtMs: now,
  report: null,
});
