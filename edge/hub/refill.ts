import { HUB_HELD_MAX_ADDRESSES, HUB_LOW_WATER_ADDRESSES } from "../../shared/limits.ts";
import { endLease, queueChunk, unqueueChunk } from "./bulk.ts";
import { arm, type HubCommand } from "./commands.ts";
import { waitingAddresses } from "./lanes.ts";
import {
  RECLAIM_MAX,
  REFILL_BUSY_MS,
  REFILL_MAX_ADDRESSES,
  REFILL_PER_TENANT_MAX,
  REFILL_PER_TENANT_MIN,
  REFILL_RETRY_MAX_MS,
  REFILL_RETRY_MIN_MS,
} from "./limits.ts";
import type { Chunk, HubState } from "./state.ts";

/** What the hub learns of a chunk that Postgres gave it; the driver has stored its body under `seq`. */
export type NewChunk = Pick<Chunk, "seq" | "id" | "tenant" | "job" | "lane" | "domain" | "size" | "sticky">;

/** Asks Postgres for work when little waits and probes have room, and gives back what was lost. One call at a time. */
export function maybeRefill(s: HubState, now: number, out: HubCommand[]): void {
  if (s.refill.busy) return;
  const reclaimable = s.lost.size > 0 && (s.refill.failures === 0 || now >= s.refill.dueAtMs);
  // What is given back may be ours to take again in the same breath.
  const room = reclaimable || now >= s.refill.dueAtMs ? roomFor(s) : 0;
  if (room <= 0 && !reclaimable) return;
  s.refill.busy = true;
  s.refill.again = false;
  const lost = [...s.lost].slice(0, RECLAIM_MAX).map(([id, { afterMs }]) => ({ id, afterMs }));
  const turns = Math.ceil(room / s.refill.chunkSize / Math.max(1, s.refill.tenants));
  const perTenant = Math.min(REFILL_PER_TENANT_MAX, Math.max(REFILL_PER_TENANT_MIN, turns));
  out.push({ c: "refill", room: Math.max(0, room), perTenant, lost });
}

/** Addresses to ask for: twice what the probes can hold, once less than one filling of them waits. */
function roomFor(s: HubState): number {
  if (s.online === 0) return 0;
  const waiting = waitingAddresses(s.lanes);
  if (waiting >= Math.min(HUB_LOW_WATER_ADDRESSES, s.capacity)) return 0;
  return Math.min(REFILL_MAX_ADDRESSES, Math.min(HUB_HELD_MAX_ADDRESSES, 2 * s.capacity) - waiting);
}

/**
 * Takes in what a refill brought. A chunk that is known already comes under a newer ticket, which killed the old one:
 * the old row and lease are dropped.
 */
export function takeRefill(
  s: HubState,
  got: {
    readonly asked: number;
    readonly reclaimed: readonly string[];
    readonly chunks: readonly NewChunk[];
    readonly nextDueMs: number | null;
  },
  now: number,
  out: HubCommand[],
): void {
  s.refill.busy = false;
  s.refill.failures = 0;
  const settled: number[] = [];
  let laterMs = Number.POSITIVE_INFINITY;
  for (const id of got.reclaimed) {
    const lost = s.lost.get(id);
    if (lost === undefined) continue;
    s.lost.delete(id);
    settled.push(lost.seq);
    laterMs = Math.min(laterMs, now + lost.afterMs);
  }
  for (const fresh of got.chunks) {
    const old = s.chunks.get(fresh.id);
    if (old !== undefined) {
      if (old.holder === null) unqueueChunk(s, old);
      else endLease(s, old);
      settled.push(old.seq);
    }
    const again = s.lost.get(fresh.id);
    if (again !== undefined && s.lost.delete(fresh.id)) settled.push(again.seq);
    const chunk = newChunk(fresh, now);
    s.chunks.set(chunk.id, chunk);
    queueChunk(s, chunk, now, out);
  }
  if (settled.length > 0) out.push({ c: "drop", seqs: settled });
  if (got.asked > 0) {
    learnShape(s, got.chunks);
    scheduleNext(s, got.chunks.length, got.nextDueMs, now, out);
  } else {
    lookAgain(s, laterMs, out);
  }
  const { laterMs: learntMs } = s.refill;
  s.refill.laterMs = Number.POSITIVE_INFINITY;
  lookAgain(s, learntMs, out);
}

/** What the last refill brought tells how many chunks of how many tenants the next may bring. */
function learnShape(s: HubState, chunks: readonly NewChunk[]): void {
  if (chunks.length === 0) return;
  s.refill.tenants = new Set(chunks.map((chunk) => chunk.tenant)).size;
  s.refill.chunkSize = Math.max(1, chunks.reduce((sum, chunk) => sum + chunk.size, 0) / chunks.length);
}

function scheduleNext(s: HubState, came: number, nextDueMs: number | null, now: number, out: HubCommand[]): void {
  if (s.refill.again || (came > 0 && nextDueMs !== null && nextDueMs <= now)) {
    s.refill.dueAtMs = 0;
  } else {
    s.refill.dueAtMs = nextDueMs === null ? Number.POSITIVE_INFINITY : Math.max(nextDueMs, now + REFILL_BUSY_MS);
    arm(s, s.refill.dueAtMs, out);
  }
}

/** Something comes due at that time: look for it then, unless Postgres is failing and has a pause of its own. */
export function lookAgain(s: HubState, atMs: number, out: HubCommand[]): void {
  if (s.refill.failures > 0) return;
  if (s.refill.busy) s.refill.laterMs = Math.min(s.refill.laterMs, atMs);
  else if (atMs < s.refill.dueAtMs) {
    s.refill.dueAtMs = atMs;
    arm(s, atMs, out);
  }
}

/** Postgres did not answer: try again later, ever more patiently. Nothing is lost by waiting. */
export function failRefill(s: HubState, now: number, out: HubCommand[]): void {
  s.refill.busy = false;
  s.refill.failures += 1;
  const pause = Math.min(REFILL_RETRY_MAX_MS, REFILL_RETRY_MIN_MS * 2 ** Math.min(16, s.refill.failures - 1));
  s.refill.dueAtMs = now + pause;
  arm(s, s.refill.dueAtMs, out);
}

const newChunk = (fresh: NewChunk, now: number): Chunk => ({
  ...fresh,
  bare: false,
  queuedAtMs: now,
  affinity: 0,
  skips: 0,
  nacks: 0,
  preferred: null,
  preferredEpoch: 0,
  holder: null,
  lease: 0,
  leasedAtMs: 0,
});
