import { CHUNK_MAX_ITEMS } from "../../shared/limits.ts";

/** Bounds of the hub that concern nobody else. Those that probes share are in shared/limits.ts. */

/** A closed socket: how long its probe may take to come back before its leases return. Reconnects take a second or two. */
export const CLOSE_GRACE_MS = 10_000;
/** Heartbeats keep a lease alive no longer than this: a probe that beats and never finishes must not keep a chunk. */
export const LEASE_MAX_MS = 1_800_000;
/** How long a deferred chunk waits for the probe that deferred it (greylisting knows that address), then anyone has it. */
export const STICKY_WAIT_MS = 60_000;

/** Probes per hub; a larger fleet takes another shard. */
export const PROBES_MAX = 2_000;
/** Real-time checks waiting for a free slot, per hub: beyond, the caller is better served by another region. */
export const TASKS_WAITING_MAX = 1_024;
/** A task nobody asked about any more is forgotten this long after its deadline. */
export const TASK_KEEP_MS = 30_000;
/** Probes that may be asked for one real-time check. */
export const TASK_TRIES_MAX = 3;

/** Shares of the bulk window by lane (index into LANES). Lane 0 in bulk: checks that were answered 202. */
export const LANE_WEIGHTS = [16, 8, 4, 1] as const;
/** Addresses a tenant may take in one turn: the largest chunk, so that one turn always serves at least one. */
export const TENANT_QUANTUM = CHUNK_MAX_ITEMS;
/** Chunks of the tenant in turn that are looked through for one whose probe has room. */
export const LOOK_AHEAD = 16;
/** Times a chunk may be passed over for a better placed one before it goes to any probe. */
export const SKIPS_MAX = 32;
/** Chunks leased in one go before anything else gets its turn: real-time checks must not wait for a burst of bulk. */
export const BURST_CHUNKS = 16;
/** Addresses of one domain queued per probe that shares it: one provider can be 40 % of a list. */
export const DOMAIN_SPLIT_ADDRESSES = 1_000;
/** A probe fuller than this multiple of the average is passed over by affinity (bounded-load rendezvous). */
export const LOAD_BOUND = 1.25;
/** Times a chunk may be handed back untouched before Postgres plans it again. */
export const NACKS_MAX = 3;
/** A chunk whose probe could not settle it, or that all hand back, waits this long. */
export const TROUBLED_CHUNK_DELAY_MS = 30_000;

/** Addresses asked of one refill: about 250 KB of bodies, a few milliseconds in which real-time work waits. */
export const REFILL_MAX_ADDRESSES = 4_000;
/** Chunks of one tenant and lane in one refill, at least and at most: few when many tenants share, many for one alone. */
export const REFILL_PER_TENANT_MIN = 4;
export const REFILL_PER_TENANT_MAX = 500;
/** Pause after a refill that failed, doubling from the first to the last, in ms. */
export const REFILL_RETRY_MIN_MS = 500;
export const REFILL_RETRY_MAX_MS = 30_000;
/** Pause when Postgres says that something is due and yet nothing came: another transaction holds it. */
export const REFILL_BUSY_MS = 250;
/** Lost chunks planned again per statement. */
export const RECLAIM_MAX = 1_000;

/** A probe's admission stays known for this long; a revoked one is out of the door within it. */
export const CREDENTIAL_CACHE_MS = 10_000;
export const CREDENTIAL_CACHE_MAX = 4_096;
