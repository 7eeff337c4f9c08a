import { BEAT_INTERVAL_MS, FRAMES_PER_BEAT_MAX, LEASE_GRACE_MS } from "../../shared/limits.ts";
import { CLOSE, type FrameError, type HeldLease, type ProbeFrame, WIRE_VERSION } from "../../shared/wire/frames.ts";
import { dispatchBulk, endLease, loseChunk, queueChunk, releaseSticky, takesWork } from "./bulk.ts";
import { arm, type HubCommand } from "./commands.ts";
import {
  CLOSE_GRACE_MS,
  LEASE_MAX_MS,
  NACKS_MAX,
  PROBES_MAX,
  TASK_KEEP_MS,
  TROUBLED_CHUNK_DELAY_MS,
} from "./limits.ts";
import { acceptTask, detachTask, dispatchTasks, finish, reassign } from "./realtime.ts";
import { failRefill, lookAgain, maybeRefill, type NewChunk, takeRefill } from "./refill.ts";
import type { RealTimeTask } from "./rpc.ts";
import { type Hello, type HubState, newProbe, type Probe, type Session } from "./state.ts";

export type HubEvent =
  /** A socket was admitted by the door; it may say hello as this credential or an instance of it. */
  | {
      readonly t: "opened";
      readonly session: string;
      readonly credential: string;
      readonly region: string;
      /** Source addresses in quarantine. */
      readonly quarantined?: readonly string[];
    }
  | { readonly t: "frame"; readonly session: string; readonly frame: ProbeFrame }
  | { readonly t: "bad_frame"; readonly session: string; readonly error: FrameError }
  | { readonly t: "closed"; readonly session: string }
  | { readonly t: "verify"; readonly task: RealTimeTask }
  | { readonly t: "detach"; readonly task: string; readonly chunk: string; readonly ticket: string }
  | {
      readonly t: "refilled";
      /** Room that was asked for; 0 when the call only gave back. */
      readonly asked: number;
      readonly reclaimed: readonly string[];
      readonly chunks: readonly NewChunk[];
      readonly nextDueMs: number | null;
    }
  | { readonly t: "refill_failed" }
  | { readonly t: "wake" }
  | { readonly t: "alarm" }
  | { readonly t: "drain"; readonly probe: string; readonly why: string }
  | { readonly t: "quarantine"; readonly probe: string; readonly sources: readonly string[] }
  /** The credential is void: nothing this probe holds will be settled by it in good faith. */
  | { readonly t: "expel"; readonly probe: string };

/**
 * One step of the hub: no I/O, no clock, no randomness. The state is changed in place, since a copy per event of
 * thousands of chunks would be most of the work; the commands are what the driver has to carry out, in order.
 */
export function step(s: HubState, event: HubEvent, now: number): HubCommand[] {
  const out: HubCommand[] = [];
  handle(s, event, now, out);
  dispatchTasks(s, now, out);
  dispatchBulk(s, now, out);
  maybeRefill(s, now, out);
  return out;
}

function handle(s: HubState, event: HubEvent, now: number, out: HubCommand[]): void {
  switch (event.t) {
    case "opened":
      s.sessions.set(event.session, {
        credential: event.credential,
        region: event.region,
        quarantined: event.quarantined ?? [],
        probe: null,
        frames: 0,
        sinceMs: now,
      });
      return;
    case "frame":
      onFrame(s, event.session, event.frame, now, out);
      return;
    case "bad_frame":
      onBadFrame(event.session, event.error, out);
      return;
    case "closed":
      onClosed(s, event.session, now, out);
      return;
    case "verify":
      acceptTask(s, event.task, now, out);
      return;
    case "detach":
      detachTask(s, event, now, out);
      return;
    case "refilled":
      takeRefill(s, event, now, out);
      return;
    case "refill_failed":
      failRefill(s, now, out);
      return;
    case "wake":
      s.refill.again = true;
      // While Postgres is failing, a wake is no reason to hurry.
      if (s.refill.failures === 0) s.refill.dueAtMs = 0;
      return;
    case "alarm":
      onAlarm(s, now, out);
      return;
    case "drain":
      onDrainWish(s, event.probe, event.why, out);
      return;
    case "quarantine":
      sendQuarantine(s, event.probe, event.sources, out);
      return;
    case "expel":
      expel(s, event.probe, now, out);
      return;
  }
}

// ---------------------------------------------------------------- frames

function onFrame(s: HubState, id: string, frame: ProbeFrame, now: number, out: HubCommand[]): void {
  const session = s.sessions.get(id);
  if (session === undefined) return;
  if (now - session.sinceMs >= BEAT_INTERVAL_MS) {
    session.sinceMs = now;
    session.frames = 0;
  }
  session.frames += 1;
  if (session.frames > FRAMES_PER_BEAT_MAX) {
    out.push({ c: "close", session: id, code: CLOSE.flood, why: "too many frames" });
    onClosed(s, id, now, out);
    return;
  }
  if (frame.t === "hello") {
    onHello(s, id, session, frame, now, out);
    return;
  }
  const probe = session.probe === null ? undefined : s.probes.get(session.probe);
  if (probe === undefined) {
    out.push({ c: "close", session: id, code: CLOSE.badFrame, why: "hello comes first" });
    return;
  }
  probe.seenAtMs = now;
  onProbeFrame(s, id, probe, frame, now, out);
}

function onProbeFrame(
  s: HubState,
  session: string,
  probe: Probe,
  frame: Exclude<ProbeFrame, { t: "hello" }>,
  now: number,
  out: HubCommand[],
): void {
  switch (frame.t) {
    case "pull":
      probe.window = frame.window;
      probe.slots = frame.slots;
      countFleet(s);
      return;
    case "done":
      onDone(s, probe, frame.items, now, out);
      return;
    case "nack":
      onNack(s, probe, frame.items, now, out);
      return;
    case "answer":
    case "decline": {
      const task = s.tasks.get(frame.task);
      if (task === undefined || task.probe !== probe.id) s.ignored += 1;
      else if (frame.t === "answer") finish(s, task, { kind: "answer", verdict: frame.verdict }, out);
      else reassign(s, task, now, out);
      return;
    }
    case "beat":
      if (frame.report !== undefined) probe.report = frame.report;
      if (frame.leases !== undefined) reconcile(s, probe, frame.leases, now - 2 * BEAT_INTERVAL_MS, out);
      out.push({ c: "send", session, frame: { t: "beat", sent: frame.sent } });
      if (probe.leases.size > 0) out.push({ c: "seen", probe: probe.id, atMs: now });
      return;
    case "draining":
      probe.draining = true;
      countFleet(s);
      releaseSticky(s, now, out);
      return;
  }
}

function onHello(s: HubState, id: string, session: Session, hello: Hello, now: number, out: HubCommand[]): void {
  const refusal = refusalOf(s, session, hello);
  if (refusal !== null) {
    out.push({ c: "send", session: id, frame: { t: "refuse", ...refusal } });
    out.push({ c: "close", session: id, code: CLOSE.badToken, why: refusal.code });
    return;
  }
  const before = s.probes.get(hello.probe);
  if (before !== undefined && before.session !== null && before.session !== id) {
    out.push({ c: "close", session: before.session, code: CLOSE.replaced, why: "another connection of this probe" });
    s.sessions.delete(before.session);
    withdrawTasks(s, before, now, out);
  }
  const probe = before ?? newProbe(hello.probe, now);
  Object.assign(probe, {
    hello,
    session: id,
    draining: false,
    window: hello.window,
    slots: hello.slots,
    seenAtMs: now,
  });
  session.probe = probe.id;
  s.probes.set(probe.id, probe);
  reconcile(s, probe, hello.leases, now, out);
  countFleet(s);
  out.push({ c: "seen", probe: probe.id, atMs: now });
  out.push({
    c: "send",
    session: id,
    frame: { t: "welcome", v: WIRE_VERSION, session: id, beat_ms: BEAT_INTERVAL_MS, grace_ms: LEASE_GRACE_MS },
  });
  if (session.quarantined.length > 0) sendQuarantine(s, probe.id, session.quarantined, out);
  arm(s, now + LEASE_GRACE_MS, out);
}

/** A probe may call itself by its credential's id or by an instance of it, `<id>.<instance>`. */
function refusalOf(s: HubState, session: Session, hello: Hello): { code: string; why: string } | null {
  if (hello.probe !== session.credential && !hello.probe.startsWith(`${session.credential}.`)) {
    return { code: "wrong_probe", why: `the token is for probe "${session.credential}"` };
  }
  if (hello.region !== session.region) {
    return { code: "wrong_region", why: `the token is for region "${session.region}"` };
  }
  if (s.probes.size >= PROBES_MAX && !s.probes.has(hello.probe)) {
    return { code: "full", why: `this hub has ${PROBES_MAX} probes; use another shard` };
  }
  return null;
}

/**
 * Leases that the probe still holds go on; those granted before `grantedBeforeMs` that it does not know never reached
 * it, died with its process, or were done in a frame that was lost.
 */
function reconcile(
  s: HubState,
  probe: Probe,
  leases: readonly HeldLease[],
  grantedBeforeMs: number,
  out: HubCommand[],
): void {
  if (probe.leases.size === 0) return;
  const held = new Map(leases.map((lease) => [lease.chunk, lease.lease]));
  for (const chunk of [...probe.leases.values()]) {
    if (chunk.leasedAtMs <= grantedBeforeMs && held.get(chunk.id) !== chunk.lease) loseChunk(s, chunk, 0, out);
  }
}

function onBadFrame(session: string, error: FrameError, out: HubCommand[]): void {
  const version = error.kind === "bad_version";
  out.push({ c: "send", session, frame: { t: "refuse", code: error.kind, why: error.message } });
  out.push({ c: "close", session, code: version ? CLOSE.badVersion : CLOSE.badFrame, why: error.kind });
}

type DoneItems = Extract<ProbeFrame, { t: "done" }>["items"];
type NackItems = Extract<ProbeFrame, { t: "nack" }>["items"];

function onDone(s: HubState, probe: Probe, items: DoneItems, now: number, out: HubCommand[]): void {
  const seqs: number[] = [];
  for (const item of items) {
    const chunk = probe.leases.get(item.chunk);
    if (chunk === undefined || chunk.lease !== item.lease) {
      s.ignored += 1;
    } else if (item.outcome === "stale" || item.outcome === "failed") {
      // Whoever made the ticket stale holds the chunk or has planned it; if nobody does, this plans it again.
      loseChunk(s, chunk, item.outcome === "failed" ? TROUBLED_CHUNK_DELAY_MS : 0, out);
    } else {
      endLease(s, chunk);
      s.chunks.delete(chunk.id);
      seqs.push(chunk.seq);
      if (item.outcome === "rest") lookAgain(s, Math.max(now, item.again ?? now), out);
      if (item.drained && chunk.tenant !== "") out.push({ c: "finalise", tenant: chunk.tenant, job: chunk.job });
    }
  }
  if (seqs.length > 0) out.push({ c: "drop", seqs });
}

function onNack(s: HubState, probe: Probe, items: NackItems, now: number, out: HubCommand[]): void {
  for (const item of items) {
    const chunk = probe.leases.get(item.chunk);
    if (chunk === undefined || chunk.lease !== item.lease) {
      s.ignored += 1;
      continue;
    }
    chunk.nacks += 1;
    if (chunk.bare) {
      loseChunk(s, chunk, 0, out);
    } else if (chunk.nacks > NACKS_MAX) {
      loseChunk(s, chunk, TROUBLED_CHUNK_DELAY_MS, out);
    } else {
      endLease(s, chunk);
      out.push({ c: "unlease", seq: chunk.seq });
      queueChunk(s, chunk, now, out);
    }
  }
}

// ---------------------------------------------------------------- coming and going

function onClosed(s: HubState, id: string, now: number, out: HubCommand[]): void {
  const session = s.sessions.get(id);
  s.sessions.delete(id);
  const probe = session?.probe == null ? undefined : s.probes.get(session.probe);
  if (probe === undefined || probe.session !== id) return;
  probe.session = null;
  probe.awayAtMs = now;
  countFleet(s);
  withdrawTasks(s, probe, now, out);
  if (probe.leases.size === 0) forget(s, probe, now, out);
  else arm(s, now + CLOSE_GRACE_MS, out);
}

function withdrawTasks(s: HubState, probe: Probe, now: number, out: HubCommand[]): void {
  for (const task of [...s.tasks.values()]) if (task.probe === probe.id) reassign(s, task, now, out);
}

function forget(s: HubState, probe: Probe, now: number, out: HubCommand[]): void {
  for (const chunk of [...probe.leases.values()]) loseChunk(s, chunk, 0, out);
  s.probes.delete(probe.id);
  countFleet(s);
  out.push({ c: "forget", probe: probe.id });
  releaseSticky(s, now, out);
}

function countFleet(s: HubState): void {
  s.epoch += 1;
  s.capacity = 0;
  s.online = 0;
  for (const probe of s.probes.values()) {
    if (!takesWork(probe)) continue;
    s.capacity += probe.window;
    s.online += 1;
  }
}

function onDrainWish(s: HubState, id: string, why: string, out: HubCommand[]): void {
  const probe = s.probes.get(id);
  if (probe === undefined || probe.session === null) return;
  probe.draining = true;
  countFleet(s);
  out.push({ c: "send", session: probe.session, frame: { t: "drain", why } });
}

function sendQuarantine(s: HubState, id: string, sources: readonly string[], out: HubCommand[]): void {
  const probe = s.probes.get(id);
  if (probe === undefined || probe.session === null || !probe.hello?.capabilities.includes("quarantine")) return;
  out.push({ c: "send", session: probe.session, frame: { t: "quarantine", sources: [...sources] } });
}

function expel(s: HubState, id: string, now: number, out: HubCommand[]): void {
  const probe = s.probes.get(id);
  if (probe === undefined) return;
  if (probe.session !== null) {
    out.push({ c: "close", session: probe.session, code: CLOSE.badToken, why: "the credential was revoked" });
    onClosed(s, probe.session, now, out);
  }
  if (s.probes.has(id)) forget(s, probe, now, out);
}

// ---------------------------------------------------------------- time

/** Everything that has a deadline is looked at here, and the next alarm is set at the earliest of what remains. */
function onAlarm(s: HubState, now: number, out: HubCommand[]): void {
  s.alarmAtMs = Number.POSITIVE_INFINITY;
  for (const probe of [...s.probes.values()]) lookAtProbe(s, probe, now, out);
  for (const task of [...s.tasks.values()]) {
    const endMs = task.frame.deadline + TASK_KEEP_MS;
    if (now >= endMs) finish(s, task, { kind: "late" }, out);
    else arm(s, endMs, out);
  }
  releaseSticky(s, now, out);
  if (Number.isFinite(s.refill.dueAtMs) && s.refill.dueAtMs > now) arm(s, s.refill.dueAtMs, out);
}

function lookAtProbe(s: HubState, probe: Probe, now: number, out: HubCommand[]): void {
  if (probe.session !== null && now >= probe.seenAtMs + LEASE_GRACE_MS) {
    const session = probe.session;
    out.push({ c: "close", session, code: CLOSE.silent, why: "no heartbeat" });
    onClosed(s, session, now, out);
    if (s.probes.has(probe.id)) forget(s, probe, now, out);
    return;
  }
  if (probe.session === null && now >= probe.awayAtMs + CLOSE_GRACE_MS) {
    forget(s, probe, now, out);
    return;
  }
  for (const chunk of probe.leases.values()) {
    if (now < chunk.leasedAtMs + LEASE_MAX_MS) {
      arm(s, chunk.leasedAtMs + LEASE_MAX_MS, out);
      break;
    }
    loseChunk(s, chunk, 0, out);
  }
  arm(s, probe.session === null ? probe.awayAtMs + CLOSE_GRACE_MS : probe.seenAtMs + LEASE_GRACE_MS, out);
}
