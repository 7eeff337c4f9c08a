import { LEASE_GRACE_MS } from "../../shared/limits.ts";
import { hash32, rendezvous, shareKey } from "./affinity.ts";
import { arm, type HubCommand } from "./commands.ts";
import { dequeue, enqueue, inTurn, serve } from "./lanes.ts";
import { BURST_CHUNKS, DOMAIN_SPLIT_ADDRESSES, LOAD_BOUND, LOOK_AHEAD, SKIPS_MAX, STICKY_WAIT_MS } from "./limits.ts";
import type { Chunk, HubState, Probe } from "./state.ts";

/** Whether a probe takes new work. */
export const takesWork = (probe: Probe): boolean => probe.session !== null && !probe.draining;

/** Queues a chunk: with the probe it sticks to if that one is here, else in its lane. */
export function queueChunk(s: HubState, chunk: Chunk, now: number, out: HubCommand[]): void {
  const own = chunk.sticky === null ? undefined : s.probes.get(chunk.sticky);
  if (own !== undefined && !own.draining && now < chunk.queuedAtMs + STICKY_WAIT_MS) {
    const queue = s.sticky.get(own.id) ?? new Map<string, Chunk>();
    queue.set(chunk.id, chunk);
    s.sticky.set(own.id, queue);
    arm(s, chunk.queuedAtMs + STICKY_WAIT_MS, out);
    return;
  }
  chunk.affinity = shareOf(s, chunk);
  chunk.preferredEpoch = 0;
  enqueue(s.lanes, chunk);
}

/** The share of its domain that a chunk belongs to; the number of shares grows with what is queued of the domain. */
function shareOf(s: HubState, chunk: Chunk): number {
  if (chunk.domain === "") return 0;
  const domain = s.domains.get(chunk.domain) ?? { queued: 0, dealt: 0 };
  const shares = Math.max(1, Math.min(s.online, 1 + Math.floor(domain.queued / DOMAIN_SPLIT_ADDRESSES)));
  const share = domain.dealt % shares;
  domain.dealt += 1;
  domain.queued += chunk.size;
  s.domains.set(chunk.domain, domain);
  return shareKey(hash32(chunk.domain), share);
}

/** Takes a waiting chunk out of whatever queue it is in. */
export function unqueueChunk(s: HubState, chunk: Chunk): void {
  if (chunk.sticky !== null && s.sticky.get(chunk.sticky)?.delete(chunk.id)) return;
  dequeue(s.lanes, chunk);
  leaveDomain(s, chunk);
}

function leaveDomain(s: HubState, chunk: Chunk): void {
  const domain = s.domains.get(chunk.domain);
  if (domain === undefined) return;
  domain.queued -= chunk.size;
  if (domain.queued <= 0) s.domains.delete(chunk.domain);
}

/** Leases what waits to the probes that have room, in fair order, each chunk to the best placed probe. */
export function dispatchBulk(s: HubState, now: number, out: HubCommand[]): void {
  if (s.sticky.size === 0 && s.lanes.every((lane) => lane.chunks === 0)) return;
  const open = new Set<Probe>();
  for (const probe of s.probes.values()) if (takesWork(probe) && probe.leased < probe.window) open.add(probe);
  serveSticky(s, open, now, out);
  for (let burst = 0; open.size > 0; burst++) {
    if (burst === BURST_CHUNKS) {
      if (!s.moreAsked) out.push({ c: "soon" });
      s.moreAsked = true;
      return;
    }
    const turn = inTurn(s.lanes);
    const match = turn === null ? null : place(s, turn, open);
    if (match === null) return;
    serve(s.lanes, match.chunk);
    leaveDomain(s, match.chunk);
    grant(s, match.chunk, match.probe, now, out);
    if (match.probe.leased >= match.probe.window) open.delete(match.probe);
  }
}

/** Deferred chunks go back to their probe first, but take no more than half its window while others wait. */
function serveSticky(s: HubState, open: Set<Probe>, now: number, out: HubCommand[]): void {
  if (s.sticky.size === 0) return;
  const others = s.lanes.some((lane) => lane.chunks > 0);
  for (const probe of open) {
    const queue = s.sticky.get(probe.id);
    if (queue === undefined) continue;
    let spent = 0;
    for (const chunk of queue.values()) {
      if (!fits(probe, chunk) || (others && spent > 0 && spent + chunk.size > probe.window / 2)) break;
      queue.delete(chunk.id);
      spent += chunk.size;
      grant(s, chunk, probe, now, out);
    }
    if (queue.size === 0) s.sticky.delete(probe.id);
    if (probe.leased >= probe.window) open.delete(probe);
  }
}

type Match = { readonly chunk: Chunk; readonly probe: Probe };

/**
 * Bounded-load rendezvous with delay: among the next few chunks of the tenant in turn, the first whose own probe has
 * room; else the oldest goes to the best probe that has. Null when the oldest fits nowhere, and then all wait: smaller
 * ones behind it must not starve it.
 */
function place(s: HubState, turn: Iterable<Chunk>, open: ReadonlySet<Probe>): Match | null {
  let head: Chunk | null = null;
  let looked = 0;
  for (const chunk of turn) {
    head ??= chunk;
    const own = preferred(s, chunk);
    if (own !== null && open.has(own) && fits(own, chunk) && !overloaded(s, own)) {
      if (chunk !== head) head.skips += 1;
      return { chunk, probe: own };
    }
    looked += 1;
    if (looked >= LOOK_AHEAD || head.skips >= SKIPS_MAX) break;
  }
  if (head === null) return null;
  const probe = bestOf(open, head);
  return probe === null ? null : { chunk: head, probe };
}

/** A lone chunk may exceed an empty window: else a small probe could never serve a large chunk. */
const fits = (probe: Probe, chunk: Chunk): boolean => probe.leased === 0 || probe.leased + chunk.size <= probe.window;

/** Fuller than the bound allows; a quarter of the window is always free to affinity. */
function overloaded(s: HubState, probe: Probe): boolean {
  if (probe.leased <= probe.window / 4) return false;
  return probe.leased * s.capacity > LOAD_BOUND * s.leased * probe.window;
}

function preferred(s: HubState, chunk: Chunk): Probe | null {
  if (chunk.affinity === 0) return null;
  if (chunk.preferredEpoch !== s.epoch) {
    let best: Probe | null = null;
    for (const probe of s.probes.values()) {
      if (takesWork(probe) && probe.window > 0 && (best === null || closer(chunk.affinity, probe, best))) best = probe;
    }
    chunk.preferred = best?.id ?? null;
    chunk.preferredEpoch = s.epoch;
  }
  return chunk.preferred === null ? null : (s.probes.get(chunk.preferred) ?? null);
}

const closer = (key: number, a: Probe, b: Probe): boolean => rendezvous(key, a.hash) > rendezvous(key, b.hash);

function bestOf(open: ReadonlySet<Probe>, chunk: Chunk): Probe | null {
  let best: Probe | null = null;
  for (const probe of open) {
    if (!fits(probe, chunk)) continue;
    const better =
      best === null ||
      (chunk.affinity === 0
        ? probe.leased * best.window < best.leased * probe.window
        : closer(chunk.affinity, probe, best));
    if (better) best = probe;
  }
  return best;
}

function grant(s: HubState, chunk: Chunk, probe: Probe, now: number, out: HubCommand[]): void {
  if (probe.session === null) return;
  chunk.holder = probe.id;
  chunk.lease = s.nextLease++;
  chunk.leasedAtMs = now;
  probe.leased += chunk.size;
  s.leased += chunk.size;
  probe.leases.set(chunk.id, chunk);
  const deadlineMs = now + LEASE_GRACE_MS;
  out.push({
    c: "lease",
    session: probe.session,
    seq: chunk.seq,
    chunk: chunk.id,
    probe: probe.id,
    lease: chunk.lease,
    deadlineMs,
  });
  arm(s, deadlineMs, out);
}

/** Ends a lease in memory: the probe has its room back. */
export function endLease(s: HubState, chunk: Chunk): void {
  const probe = chunk.holder === null ? undefined : s.probes.get(chunk.holder);
  chunk.holder = null;
  if (probe === undefined || !probe.leases.delete(chunk.id)) return;
  if (chunk.bare) {
    probe.running -= 1;
  } else {
    probe.leased -= chunk.size;
    s.leased -= chunk.size;
  }
}

/** Gives a chunk up: Postgres has to plan it again, under a new ticket. */
export function loseChunk(s: HubState, chunk: Chunk, afterMs: number, out: HubCommand[]): void {
  endLease(s, chunk);
  s.chunks.delete(chunk.id);
  s.lost.set(chunk.id, { seq: chunk.seq, afterMs });
  out.push({ c: "lose", seq: chunk.seq });
}

/** Moves chunks that waited long enough for their own probe to the common lanes. */
export function releaseSticky(s: HubState, now: number, out: HubCommand[]): void {
  for (const [probe, queue] of s.sticky) {
    const here = s.probes.get(probe);
    const gone = here === undefined || here.draining;
    for (const chunk of queue.values()) {
      const untilMs = chunk.queuedAtMs + STICKY_WAIT_MS;
      if (!gone && now < untilMs) {
        arm(s, untilMs, out);
        break;
      }
      queue.delete(chunk.id);
      queueChunk(s, chunk, now, out);
    }
    if (queue.size === 0) s.sticky.delete(probe);
  }
}
