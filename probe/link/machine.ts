import {
  CLOSE,
  type DetachFrame,
  type DoneItem,
  type HubFrame,
  type LeaseFrame,
  type ProbeFrame,
  type TaskFrame,
  WIRE_VERSION,
} from "../../shared/wire/frames.ts";
import {
  CONNECT_TIMEOUT_MS,
  DONES_PER_FRAME,
  RECONNECT_BASE_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
} from "./limits.ts";

/** Who this probe is and what it offers: its hello without the parts that change. */
export type Introduction = {
  readonly probe: string;
  readonly build: string;
  readonly region: string;
  readonly sources: readonly { readonly address: string; readonly helo: string }[];
  readonly slots: number;
  readonly window: number;
  readonly capabilities: readonly string[];
};

/** Why a link ends. `refused`: the hub will not have us, whatever we try; `replaced`: another process runs as this probe. */
export type LinkEnd = { readonly why: "drained" | "refused" | "replaced"; readonly message: string };

export type LinkState = {
  me: Introduction;
  phase: "offline" | "connecting" | "greeting" | "online" | "ended";
  /** Failed connections since the last good one. */
  attempt: number;
  draining: boolean;
  /** Leases in hand, and those done that no hub has been told of. */
  readonly leases: Map<string, number>;
  readonly tasks: Set<string>;
  readonly dones: DoneItem[];
  readonly nacks: { readonly chunk: string; readonly lease: number; readonly why: string }[];
  beatMs: number;
  graceMs: number;
  heardAtMs: number;
  /** The next thing that has to happen by itself: reconnect, beat, or give up waiting. */
  nextMs: number;
};

export type LinkEvent =
  | { readonly t: "start" }
  | { readonly t: "opened" }
  | { readonly t: "frame"; readonly frame: HubFrame }
  /** The socket is gone. `status`: HTTP status that refused the upgrade, else 0. `chance`: uniform in [0, 1). */
  | {
      readonly t: "closed";
      readonly code: number;
      readonly status: number;
      readonly why: string;
      readonly chance: number;
    }
  | { readonly t: "tick"; readonly held: number; readonly report: Record<string, unknown> | null }
  | { readonly t: "done"; readonly item: DoneItem }
  | { readonly t: "untouched"; readonly chunk: string; readonly lease: number; readonly why: string }
  | { readonly t: "answered"; readonly frame: Extract<ProbeFrame, { t: "answer" | "decline" }> }
  /** A check that became a chunk (`detach`) is in hand as that lease. */
  | { readonly t: "detached"; readonly task: string }
  /** A lease whose frame made no sense; it goes back. */
  | { readonly t: "unreadable"; readonly chunk: string; readonly lease: number; readonly why: string }
  | { readonly t: "flush" }
  /** Offer this much from now on. */
  | { readonly t: "resize"; readonly window: number; readonly slots: number }
  | { readonly t: "drain"; readonly why: string };

export type LinkCommand =
  | { readonly c: "open" }
  | { readonly c: "send"; readonly frame: ProbeFrame }
  | { readonly c: "close"; readonly code: number; readonly why: string }
  | { readonly c: "work"; readonly lease: LeaseFrame }
  | { readonly c: "task"; readonly task: TaskFrame }
  | { readonly c: "detach"; readonly detach: DetachFrame }
  /** Finish or hand back all that is in hand. */
  | { readonly c: "wind_up"; readonly why: string }
  /** Call with `flush` when the current burst of events is over. */
  | { readonly c: "flush_soon" }
  | { readonly c: "quarantine"; readonly sources: readonly string[] }
  | { readonly c: "welcomed"; readonly session: string; readonly shards: number }
  | { readonly c: "ended"; readonly end: LinkEnd };

/** A link that has not been started. */
export const createLinkState = (me: Introduction): LinkState => ({
  me,
  phase: "offline",
  attempt: 0,
  draining: false,
  leases: new Map(),
  tasks: new Set(),
  dones: [],
  nacks: [],
  beatMs: 10_000,
  graceMs: 30_000,
  heardAtMs: 0,
  nextMs: Number.POSITIVE_INFINITY,
});

/**
 * One step of the link: no socket, no clock, no randomness. The state is changed in place. After each step the driver
 * has to call with `tick` at `nextMs`.
 */
export function step(s: LinkState, event: LinkEvent, now: number): LinkCommand[] {
  const out: LinkCommand[] = [];
  handle(s, event, now, out);
  endWhenEmpty(s, out);
  return out;
}

function handle(s: LinkState, event: LinkEvent, now: number, out: LinkCommand[]): void {
  switch (event.t) {
    case "start":
      connect(s, now, out);
      return;
    case "opened":
      onOpened(s, out);
      return;
    case "frame":
      if (s.phase !== "greeting" && s.phase !== "online") return;
      s.heardAtMs = now;
      onFrame(s, event.frame, now, out);
      return;
    case "closed":
      onClosed(s, event, now, out);
      return;
    case "tick":
      onTick(s, event, now, out);
      return;
    case "done":
      if (s.leases.get(event.item.chunk) !== event.item.lease) return;
      s.dones.push(event.item);
      out.push({ c: "flush_soon" });
      return;
    case "untouched":
      s.nacks.push({ chunk: event.chunk, lease: event.lease, why: event.why });
      out.push({ c: "flush_soon" });
      return;
    case "unreadable":
      s.leases.set(event.chunk, event.lease);
      s.nacks.push({ chunk: event.chunk, lease: event.lease, why: event.why.slice(0, 200) });
      out.push({ c: "flush_soon" });
      return;
    case "answered":
      s.tasks.delete(event.frame.task);
      if (s.phase === "online") out.push({ c: "send", frame: event.frame });
      return;
    case "detached":
      s.tasks.delete(event.task);
      return;
    case "flush":
      flush(s, out);
      return;
    case "resize":
      s.me = { ...s.me, window: event.window, slots: event.slots };
      if (s.phase === "online" && !s.draining) {
        out.push({ c: "send", frame: { t: "pull", window: event.window, slots: event.slots } });
      }
      return;
    case "drain":
      startDrain(s, event.why, out);
      return;
  }
}

function connect(s: LinkState, now: number, out: LinkCommand[]): void {
  s.phase = "connecting";
  s.nextMs = now + CONNECT_TIMEOUT_MS;
  out.push({ c: "open" });
}

function onOpened(s: LinkState, out: LinkCommand[]): void {
  if (s.phase !== "connecting") return;
  s.phase = "greeting";
  const { me } = s;
  out.push({
    c: "send",
    frame: {
      t: "hello",
      v: WIRE_VERSION,
      probe: me.probe,
      build: me.build,
      region: me.region,
      sources: me.sources.map((source) => ({ ...source })),
      slots: s.draining ? 0 : me.slots,
      window: s.draining ? 0 : me.window,
      capabilities: [...me.capabilities],
      leases: held(s),
    },
  });
}

const held = (s: LinkState) => [...s.leases].map(([chunk, lease]) => ({ chunk, lease }));

function onFrame(s: LinkState, frame: HubFrame, now: number, out: LinkCommand[]): void {
  switch (frame.t) {
    case "welcome":
      s.phase = "online";
      s.beatMs = Math.max(100, frame.beat_ms);
      s.graceMs = Math.max(1_000, frame.grace_ms);
      s.nextMs = now + s.beatMs;
      out.push({ c: "welcomed", session: frame.session, shards: frame.shards ?? 1 });
      if (s.draining) out.push({ c: "send", frame: { t: "draining" } });
      flush(s, out);
      return;
    case "lease":
      onLease(s, frame, out);
      return;
    case "task":
      if (s.draining) out.push({ c: "send", frame: { t: "decline", task: frame.task, why: "draining" } });
      else if (!s.tasks.has(frame.task)) {
        s.tasks.add(frame.task);
        out.push({ c: "task", task: frame });
      }
      return;
    case "detach":
      if (s.leases.get(frame.chunk) === frame.lease) return;
      s.leases.set(frame.chunk, frame.lease);
      out.push({ c: "detach", detach: frame });
      return;
    case "drain":
      startDrain(s, frame.why, out);
      return;
    case "quarantine":
      out.push({ c: "quarantine", sources: frame.sources });
      return;
    case "refuse":
      // A hub that is full may have room later; every other refusal stands.
      if (frame.code === "full") return;
      end(s, { why: "refused", message: `${frame.code}: ${frame.why}` }, out);
      return;
    case "beat":
      s.attempt = 0;
      return;
  }
}

/** A repeated frame of a lease in hand is ignored; the same chunk under a new lease means that the old ticket is dead. */
function onLease(s: LinkState, lease: LeaseFrame, out: LinkCommand[]): void {
  if (s.leases.get(lease.chunk) === lease.lease) return;
  if (s.draining) {
    s.leases.set(lease.chunk, lease.lease);
    s.nacks.push({ chunk: lease.chunk, lease: lease.lease, why: "draining" });
    out.push({ c: "flush_soon" });
    return;
  }
  s.leases.set(lease.chunk, lease.lease);
  out.push({ c: "work", lease });
}

function flush(s: LinkState, out: LinkCommand[]): void {
  if (s.phase !== "online") return;
  while (s.dones.length > 0) {
    const items = s.dones.splice(0, DONES_PER_FRAME);
    for (const item of items) release(s, item.chunk, item.lease);
    out.push({ c: "send", frame: { t: "done", items } });
  }
  while (s.nacks.length > 0) {
    const items = s.nacks.splice(0, DONES_PER_FRAME);
    for (const item of items) release(s, item.chunk, item.lease);
    out.push({ c: "send", frame: { t: "nack", items } });
  }
}

function release(s: LinkState, chunk: string, lease: number): void {
  if (s.leases.get(chunk) === lease) s.leases.delete(chunk);
}

function onTick(s: LinkState, tick: Extract<LinkEvent, { t: "tick" }>, now: number, out: LinkCommand[]): void {
  if (now < s.nextMs) return;
  if (s.phase === "offline") {
    connect(s, now, out);
  } else if (s.phase === "connecting" || s.phase === "greeting") {
    s.nextMs = Number.POSITIVE_INFINITY;
    out.push({ c: "close", code: 1000, why: "no welcome" });
  } else if (s.phase === "online") {
    if (now - s.heardAtMs >= s.graceMs) {
      s.nextMs = Number.POSITIVE_INFINITY;
      out.push({ c: "close", code: 1000, why: "the hub is silent" });
      return;
    }
    s.nextMs = now + s.beatMs;
    out.push({
      c: "send",
      frame: {
        t: "beat",
        sent: now,
        held: tick.held,
        running: s.tasks.size,
        leases: held(s),
        ...(tick.report === null ? {} : { report: JSON.parse(JSON.stringify(tick.report)) }),
      },
    });
  }
}

function onClosed(s: LinkState, closed: Extract<LinkEvent, { t: "closed" }>, now: number, out: LinkCommand[]): void {
  if (s.phase === "ended") return;
  // Whoever asked in real time has been answered by somebody else or not at all: the hub gave those checks away.
  s.phase = "offline";
  if (closed.status === 401 || closed.status === 403) {
    end(s, { why: "refused", message: closed.why }, out);
  } else if (closed.code === CLOSE.badVersion || closed.code === CLOSE.badToken) {
    end(s, { why: "refused", message: closed.why }, out);
  } else if (closed.code === CLOSE.replaced) {
    end(s, { why: "replaced", message: "another process is connected as this probe" }, out);
  } else {
    const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_BASE_MS * 2 ** Math.min(16, s.attempt));
    s.attempt += 1;
    s.nextMs = now + RECONNECT_MIN_MS + closed.chance * ceiling;
  }
}

function startDrain(s: LinkState, why: string, out: LinkCommand[]): void {
  if (s.draining || s.phase === "ended") return;
  s.draining = true;
  if (s.phase === "online") out.push({ c: "send", frame: { t: "draining" } });
  out.push({ c: "wind_up", why });
}

function endWhenEmpty(s: LinkState, out: LinkCommand[]): void {
  if (!s.draining || s.phase === "ended" || s.tasks.size > 0) return;
  const told = s.leases.size === 0 && s.dones.length === 0 && s.nacks.length === 0;
  // Nobody to tell: every lease in hand is done, and an absent hub finds out by itself.
  const settled = s.phase !== "online" && s.leases.size === s.dones.length + s.nacks.length;
  if (told || settled) end(s, { why: "drained", message: "all work is settled or handed back" }, out);
}

function end(s: LinkState, reason: LinkEnd, out: LinkCommand[]): void {
  if (s.phase === "ended") return;
  const open = s.phase !== "offline";
  s.phase = "ended";
  s.nextMs = Number.POSITIVE_INFINITY;
  if (open) out.push({ c: "close", code: reason.why === "drained" ? CLOSE.drained : 1000, why: reason.why });
  out.push({ c: "ended", end: reason });
}
