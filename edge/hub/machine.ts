import { BEAT_INTERVAL_MS, FRAMES_PER_BEAT_MAX } from "../../shared/limits.ts";
import { CLOSE, type FrameError, type ProbeFrame } from "../../shared/wire/frames.ts";
import { dispatchBulk, endLease, loseChunk, queueChunk, releaseSticky } from "./bulk.ts";
import type { HubCommand } from "./commands.ts";
import { NACKS_MAX, TROUBLED_CHUNK_DELAY_MS } from "./limits.ts";
import { countFleet, expel, onAlarm, onClosed, onDrainWish, onHello, reconcile, sendQuarantine } from "./members.ts";
import { acceptTask, detachTask, dispatchTasks, finish, reassign } from "./realtime.ts";
import { failRefill, lookAgain, maybeRefill, type NewChunk, takeRefill } from "./refill.ts";
import type { RealTimeAnswer, RealTimeTask } from "./rpc.ts";
import type { HubState, Probe } from "./state.ts";

export type HubEvent =
  /** A socket was admitted by the door; it may say hello as this credential or an instance of it. */
  | {
      readonly t: "opened";
      readonly session: string;
      readonly credential: string;
      readonly region: string;
      /** Source addresses in quarantine. */
      readonly quarantined?: readonly string[];
      /** Hubs of this region. */
      readonly shards?: number;
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
  /** The turn asked for by `soon`. */
  | { readonly t: "more" }
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
        shards: event.shards ?? 1,
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
    case "more":
      s.moreAsked = false;
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
      else if (frame.t === "answer") finish(s, task, answerOf(frame), out);
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

const answerOf = ({ verdict, elsewhere }: Extract<ProbeFrame, { t: "answer" }>): RealTimeAnswer =>
  elsewhere === true ? { kind: "answer", verdict, elsewhere } : { kind: "answer", verdict };

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
