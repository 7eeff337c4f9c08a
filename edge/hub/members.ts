import { BEAT_INTERVAL_MS, LEASE_GRACE_MS } from "../../shared/limits.ts";
import { CLOSE, type HeldLease, WIRE_VERSION } from "../../shared/wire/frames.ts";
import { loseChunk, releaseSticky, takesWork } from "./bulk.ts";
import { arm, type HubCommand } from "./commands.ts";
import { CLOSE_GRACE_MS, LEASE_MAX_MS, PROBES_MAX, TASK_KEEP_MS } from "./limits.ts";
import { finish, reassign } from "./realtime.ts";
import { type Hello, type HubState, newProbe, type Probe, type Session } from "./state.ts";

/** A probe says who it is: it is admitted with the leases it still has, or refused in words. */
export function onHello(s: HubState, id: string, session: Session, hello: Hello, now: number, out: HubCommand[]): void {
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
    frame: {
      t: "welcome",
      v: WIRE_VERSION,
      session: id,
      beat_ms: BEAT_INTERVAL_MS,
      grace_ms: LEASE_GRACE_MS,
      shards: session.shards,
    },
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
export function reconcile(
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

/** A socket is gone. Its probe has a grace to come back with its leases; callers do not wait that long. */
export function onClosed(s: HubState, id: string, now: number, out: HubCommand[]): void {
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

/** Counts the probes that take work; to be called whenever one more or one less does, or a window changes. */
export function countFleet(s: HubState): void {
  s.epoch += 1;
  s.capacity = 0;
  s.online = 0;
  for (const probe of s.probes.values()) {
    if (!takesWork(probe)) continue;
    s.capacity += probe.window;
    s.online += 1;
  }
}

/** An operator wants a probe to finish and leave. */
export function onDrainWish(s: HubState, id: string, why: string, out: HubCommand[]): void {
  const probe = s.probes.get(id);
  if (probe === undefined || probe.session === null) return;
  probe.draining = true;
  countFleet(s);
  out.push({ c: "send", session: probe.session, frame: { t: "drain", why } });
}

/** Tells a probe which of its source addresses are in quarantine, if it is here and knows the word. */
export function sendQuarantine(s: HubState, id: string, sources: readonly string[], out: HubCommand[]): void {
  const probe = s.probes.get(id);
  if (probe === undefined || probe.session === null || !probe.hello?.capabilities.includes("quarantine")) return;
  out.push({ c: "send", session: probe.session, frame: { t: "quarantine", sources: [...sources] } });
}

/** Puts a probe out whose credential is void. */
export function expel(s: HubState, id: string, now: number, out: HubCommand[]): void {
  const probe = s.probes.get(id);
  if (probe === undefined) return;
  if (probe.session !== null) {
    out.push({ c: "close", session: probe.session, code: CLOSE.badToken, why: "the credential was revoked" });
    onClosed(s, probe.session, now, out);
  }
  if (s.probes.has(id)) forget(s, probe, now, out);
}

/** Everything that has a deadline is looked at here, and the next alarm is set at the earliest of what remains. */
export function onAlarm(s: HubState, now: number, out: HubCommand[]): void {
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
  // A clock that was set back must not keep a silent probe alive.
  probe.seenAtMs = Math.min(probe.seenAtMs, now);
  probe.awayAtMs = Math.min(probe.awayAtMs, now);
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
