import { LEASE_GRACE_MS } from "../../shared/limits.ts";
import { queueChunk } from "./bulk.ts";
import { arm, type HubCommand } from "./commands.ts";
import { CLOSE_GRACE_MS } from "./limits.ts";
import { type Chunk, createHub, type Hello, type HubState, newProbe } from "./state.ts";
import type { StoredChunk } from "./storage.ts";

/** What a socket that outlived its object says of itself (its attachment). `hello` is null before the first frame. */
export type Survivor = {
  readonly session: string;
  readonly credential: string;
  readonly region: string;
  /** Source addresses that were in quarantine when the socket was admitted; for the welcome. */
  readonly quarantined?: readonly string[];
  readonly shards?: number;
  readonly hello: Hello | null;
  readonly draining: boolean;
};

/**
 * Builds a hub's memory from its rows and surviving sockets, after hibernation or a crash alike. Leases whose probe has
 * no socket get a grace to come back; real-time checks are gone with whoever asked.
 */
export function restoreHub(
  chunks: readonly StoredChunk[],
  seen: ReadonlyMap<string, number>,
  survivors: readonly Survivor[],
  now: number,
): { readonly state: HubState; readonly commands: HubCommand[] } {
  const state = createHub(now);
  const out: HubCommand[] = [];
  for (const survivor of survivors) addSurvivor(state, survivor, seen, now);
  for (const row of chunks) addChunk(state, row, now, out);
  state.nextSeq = chunks.reduce((most, row) => Math.max(most, row.seq), 0) + 1;
  state.nextLease = chunks.reduce((most, row) => Math.max(most, row.lease), state.nextLease) + 1;
  for (const probe of state.probes.values()) {
    if (probe.session === null || probe.draining) continue;
    state.capacity += probe.window;
    state.online += 1;
  }
  // Storage may hold an older alarm; one that is too early is harmless, and this one is never too late.
  arm(state, now + (state.probes.size > 0 ? Math.min(CLOSE_GRACE_MS, LEASE_GRACE_MS) : CLOSE_GRACE_MS), out);
  return { state, commands: out };
}

function addSurvivor(s: HubState, survivor: Survivor, seen: ReadonlyMap<string, number>, now: number): void {
  const { hello } = survivor;
  s.sessions.set(survivor.session, {
    credential: survivor.credential,
    region: survivor.region,
    quarantined: survivor.quarantined ?? [],
    shards: survivor.shards ?? 1,
    probe: hello?.probe ?? null,
    frames: 0,
    sinceMs: now,
  });
  if (hello === null) return;
  const probe = newProbe(hello.probe, now);
  probe.hello = hello;
  probe.session = survivor.session;
  probe.draining = survivor.draining;
  probe.window = hello.window;
  probe.slots = hello.slots;
  // A clock that went backwards must not keep a silent probe alive.
  probe.seenAtMs = Math.min(now, seen.get(probe.id) ?? now);
  s.probes.set(probe.id, probe);
}

function addChunk(s: HubState, row: StoredChunk, now: number, out: HubCommand[]): void {
  if (row.lost) {
    s.lost.set(row.id, { seq: row.seq, afterMs: 0 });
    return;
  }
  const chunk: Chunk = {
    ...row,
    queuedAtMs: Math.min(now, row.queuedAtMs),
    leasedAtMs: Math.min(now, row.leasedAtMs),
    affinity: 0,
    skips: 0,
    nacks: 0,
    preferred: null,
    preferredEpoch: 0,
  };
  s.chunks.set(chunk.id, chunk);
  if (chunk.holder === null) {
    queueChunk(s, chunk, now, out);
    return;
  }
  const probe = s.probes.get(chunk.holder) ?? newProbe(chunk.holder, now);
  s.probes.set(probe.id, probe);
  probe.leases.set(chunk.id, chunk);
  if (chunk.bare) {
    probe.running += 1;
  } else {
    probe.leased += chunk.size;
    s.leased += chunk.size;
  }
}
