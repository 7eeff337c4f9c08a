import { METER_ISOLATE_SEEN_MS, METER_ISOLATES_MAX, METER_LEASE_MS, METER_OVERDRAFT_TOKENS } from "../limits.ts";

/** Calls per window; null has no limit. */
export type RateLimits = { readonly minute: number | null; readonly hour: number | null; readonly day: number | null };

export type WindowName = keyof RateLimits;
type Window = { readonly start: number; readonly used: number };

export type MeterState = {
  readonly windows: Readonly<Record<WindowName, Window>>;
  /** When each isolate last asked, epoch milliseconds. */
  readonly isolates: Readonly<Record<string, number>>;
  /** When keys, rules or plan of the tenant last changed, epoch milliseconds; 0 when never. */
  readonly changedAt: number;
};

export type LeaseRequest = {
  readonly isolate: string;
  readonly limits: RateLimits;
  /** Tokens of the previous lease that were not spent, and when it was given: they go back if its windows last. */
  readonly unspent: number;
  readonly leasedAt: number;
};

/** Tokens that an isolate may spend without asking, until `expiresAt`. Times are epoch milliseconds. */
export type Lease = {
  readonly tokens: number;
  readonly expiresAt: number;
  /** The tightest window, its limit, how much of it was spent or leased before this lease, and when it ends. */
  readonly window: WindowName;
  readonly limit: number | null;
  readonly spent: number;
  readonly resetAt: number;
  readonly changedAt: number;
};

export const WINDOW_MS: Readonly<Record<WindowName, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const NAMES: readonly WindowName[] = ["minute", "hour", "day"];
const EMPTY: Window = { start: 0, used: 0 };

export const EMPTY_METER: MeterState = {
  windows: { minute: EMPTY, hour: EMPTY, day: EMPTY },
  isolates: {},
  changedAt: 0,
};

/**
 * Leases tokens: an even share of a quarter of what is left in the tightest window, at least one, so that the share
 * shrinks as the window fills and no isolate sits on tokens that another is refused. Beyond the limit calls are
 * counted and granted.
 */
export function lease(
  state: MeterState,
  request: LeaseRequest,
  now: number,
): { readonly state: MeterState; readonly lease: Lease } {
  const windows = {
    minute: roll(state, request, "minute", now),
    hour: roll(state, request, "hour", now),
    day: roll(state, request, "day", now),
  };
  const isolates = seen(state.isolates, request.isolate, now);
  const tightest = tightestOf(windows, request.limits);
  const limit = tightest === null ? null : request.limits[tightest];
  const spent = tightest === null ? 0 : windows[tightest].used;
  const tokens = shareOf(limit, spent, Object.keys(isolates).length);
  const spend = (window: Window): Window => ({ start: window.start, used: window.used + tokens });
  const shown = tightest ?? "minute";
  return {
    state: {
      windows: { minute: spend(windows.minute), hour: spend(windows.hour), day: spend(windows.day) },
      isolates,
      changedAt: state.changedAt,
    },
    lease: {
      tokens,
      expiresAt: Math.min(now + METER_LEASE_MS, windows[shown].start + WINDOW_MS[shown]),
      window: shown,
      limit,
      spent,
      resetAt: windows[shown].start + WINDOW_MS[shown],
      changedAt: state.changedAt,
    },
  };
}

/** Notes that keys, rules or plan changed: every isolate learns it with its next lease. */
export const changed = (state: MeterState, now: number): MeterState => ({ ...state, changedAt: now });

function roll(state: MeterState, request: LeaseRequest, name: WindowName, now: number): Window {
  const start = now - (now % WINDOW_MS[name]);
  const window = state.windows[name];
  if (window.start !== start) return { start, used: 0 };
  const back = request.leasedAt >= start ? request.unspent : 0;
  return { start, used: Math.max(0, window.used - back) };
}

function seen(isolates: MeterState["isolates"], isolate: string, now: number): Record<string, number> {
  const recent = Object.entries(isolates).filter(([id, at]) => id !== isolate && at > now - METER_ISOLATE_SEEN_MS);
  return Object.fromEntries([...recent.slice(1 - METER_ISOLATES_MAX), [isolate, now]]);
}

function tightestOf(windows: Record<WindowName, Window>, limits: RateLimits): WindowName | null {
  let tightest: WindowName | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const name of NAMES) {
    const limit = limits[name];
    if (limit === null || limit - windows[name].used >= least) continue;
    least = limit - windows[name].used;
    tightest = name;
  }
  return tightest;
}

function shareOf(limit: number | null, spent: number, isolates: number): number {
  if (limit === null || spent >= limit) return METER_OVERDRAFT_TOKENS;
  return Math.max(1, Math.floor((limit - spent) / (4 * isolates)));
}
