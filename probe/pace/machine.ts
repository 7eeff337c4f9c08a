import type { Pace } from "../../shared/providers/index.ts";
import {
  BREAKER_PAUSE_MS,
  BREAKER_SAMPLE_MIN,
  COOL_DOWN_MAX_MS,
  HOST_UNKNOWN_PER_HOUR,
  PACE_PATIENCE_MS,
  UNKNOWN_PAUSE_MS,
} from "../limits.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Recipients granted at once, as seconds of the rate: transactions of a few recipients instead of one each second. */
const BATCH_SECONDS = 10;
const BATCH_MAX = 50;
/** AIMD: a throttle halves the rate; a clean minute gives a twentieth of the published rate back. */
const RATE_FLOOR = 1 / 16;
const RECOVERY_MS = 60_000;
const RECOVERY_STEP = 1 / 20;
/** Rates above the published ones, and how fast, only after a week without a complaint (MAIL.md 5). */
const CLEAN_BEFORE_RISE_MS = 7 * DAY_MS;
const RISE_PER_DAY = 0.1;
const RISE_MAX = 4;
/** Unknown users: shares at which the rate halves and at which we stop, and the replies needed to say so. */
const UNKNOWN_SLOW = 0.3;
const UNKNOWN_SLOW_MIN = 20;
const UNKNOWN_STOP = 0.6;
const UNKNOWN_STOP_MIN = 50;
/** The sample is halved here, so that it speaks of the recent past. */
const SAMPLE_MAX = 400;

type Breaker = {
  readonly state: "closed" | "open" | "half_open";
  readonly good: number;
  readonly bad: number;
  readonly untilMs: number;
};

/** How one operator (or host) takes questions from one source address. */
export type PaceState = {
  /** Factor on the published rate: below 1 after throttles, above after long peace. */
  readonly factor: number;
  readonly factorAtMs: number;
  readonly tokens: number;
  readonly tokensAtMs: number;
  readonly strikes: number;
  readonly lastStrikeMs: number;
  readonly pausedUntilMs: number;
  readonly dayStartMs: number;
  readonly dayCount: number;
  readonly hourStartMs: number;
  readonly hourUnknown: number;
  readonly replies: number;
  readonly unknown: number;
  readonly breaker: Breaker;
};

export type PaceEvent =
  | { readonly kind: "answers"; readonly replies: number; readonly unknown: number }
  /** The host said "too fast", in whatever words. */
  | { readonly kind: "throttled" }
  /** The host listed our address: nothing more from it for a day. */
  | { readonly kind: "blocked" }
  | { readonly kind: "connection"; readonly good: boolean };

export type Allowance = { readonly state: PaceState; readonly recipients: number; readonly waitMs: number | null };

const CLOSED: Breaker = { state: "closed", good: 0, bad: 0, untilMs: 0 };

export const createPace = (pace: Pace, nowMs: number): PaceState => ({
  factor: 1,
  factorAtMs: nowMs,
  tokens: batchOf(pace, 1),
  tokensAtMs: nowMs,
  strikes: 0,
  lastStrikeMs: nowMs,
  pausedUntilMs: 0,
  dayStartMs: nowMs,
  dayCount: 0,
  hourStartMs: nowMs,
  hourUnknown: 0,
  replies: 0,
  unknown: 0,
  breaker: CLOSED,
});

const batchOf = (pace: Pace, factor: number): number =>
  Math.min(BATCH_MAX, Math.max(1, Math.floor(pace.rcptPerSecond * factor * BATCH_SECONDS)));

const rateOf = (state: PaceState, pace: Pace): number => {
  const doubtful = state.replies >= UNKNOWN_SLOW_MIN && state.unknown / state.replies > UNKNOWN_SLOW;
  return pace.rcptPerSecond * state.factor * (doubtful ? 0.5 : 1);
};

/** Milliseconds for which nothing may be asked; 0 when asking is allowed. */
export function pausedFor(state: PaceState, pace: Pace, nowMs: number): number {
  const { breaker } = state;
  let untilMs = state.pausedUntilMs;
  if (breaker.state === "open") untilMs = Math.max(untilMs, breaker.untilMs);
  if (pace.perDay !== undefined && state.dayCount >= pace.perDay)
    untilMs = Math.max(untilMs, state.dayStartMs + DAY_MS);
  if (state.hourUnknown >= (pace.unknownPerHour ?? HOST_UNKNOWN_PER_HOUR)) {
    untilMs = Math.max(untilMs, state.hourStartMs + HOUR_MS);
  }
  return Math.max(0, untilMs - nowMs);
}

/**
 * Asks for room for `wanted` recipients. `waitMs` says when to ask again; null means a pause too long to wait for.
 * Real-time questions may draw on the next batch, so that they never wait behind bulk.
 */
export function allow(before: PaceState, pace: Pace, wanted: number, urgent: boolean, nowMs: number): Allowance {
  const state = refreshed(before, pace, nowMs);
  const pauseMs = pausedFor(state, pace, nowMs);
  if (pauseMs > 0) return { state, recipients: 0, waitMs: pauseMs > PACE_PATIENCE_MS ? null : pauseMs };
  const batch = batchOf(pace, state.factor);
  const rate = rateOf(state, pace);
  const useful = urgent ? 1 - batch : Math.min(wanted, batch);
  if (state.tokens < useful) {
    return { state, recipients: 0, waitMs: Math.ceil(((useful - state.tokens) / rate) * SECOND_MS) };
  }
  const recipients = urgent ? Math.min(wanted, batch) : Math.min(wanted, Math.floor(state.tokens));
  return {
    state: { ...state, tokens: state.tokens - recipients, dayCount: state.dayCount + recipients },
    recipients,
    waitMs: null,
  };
}

/** Brings time-driven parts up to date: tokens, recovery of the rate, counters of the hour and the day. */
function refreshed(state: PaceState, pace: Pace, nowMs: number): PaceState {
  const factor = recoveredFactor(state, nowMs);
  const batch = batchOf(pace, factor);
  const grown = ((nowMs - state.tokensAtMs) / SECOND_MS) * rateOf({ ...state, factor }, pace);
  const newDay = nowMs - state.dayStartMs >= DAY_MS;
  const newHour = nowMs - state.hourStartMs >= HOUR_MS;
  const { breaker } = state;
  return {
    ...state,
    factor,
    factorAtMs: factor === state.factor ? state.factorAtMs : nowMs,
    tokens: Math.min(batch, state.tokens + grown),
    tokensAtMs: nowMs,
    dayStartMs: newDay ? nowMs : state.dayStartMs,
    dayCount: newDay ? 0 : state.dayCount,
    hourStartMs: newHour ? nowMs : state.hourStartMs,
    hourUnknown: newHour ? 0 : state.hourUnknown,
    breaker:
      breaker.state === "open" && nowMs >= breaker.untilMs ? { ...CLOSED, state: "half_open", untilMs: 0 } : breaker,
  };
}

function recoveredFactor(state: PaceState, nowMs: number): number {
  const sinceMs = nowMs - state.factorAtMs;
  if (state.factor < 1) {
    const steps = Math.floor(sinceMs / RECOVERY_MS);
    return steps === 0 ? state.factor : Math.min(1, state.factor + steps * RECOVERY_STEP);
  }
  if (nowMs - state.lastStrikeMs < CLEAN_BEFORE_RISE_MS || sinceMs < DAY_MS) return state.factor;
  return Math.min(RISE_MAX, state.factor + Math.floor(sinceMs / DAY_MS) * RISE_PER_DAY);
}

/** What an event makes of the state. Pure. */
export function step(before: PaceState, pace: Pace, event: PaceEvent, nowMs: number): PaceState {
  const state = refreshed(before, pace, nowMs);
  switch (event.kind) {
    case "answers":
      return heard(state, event, nowMs);
    case "throttled":
      return struck(state, pace.coolDownMs, nowMs);
    case "blocked":
      return struck(state, COOL_DOWN_MAX_MS, nowMs);
    case "connection":
      return { ...state, breaker: tripped(state.breaker, event.good, nowMs) };
  }
}

function heard(state: PaceState, { replies, unknown }: { replies: number; unknown: number }, nowMs: number): PaceState {
  const all = state.replies + replies;
  const strangers = state.unknown + unknown;
  const counted = { ...state, hourUnknown: state.hourUnknown + unknown };
  if (all >= UNKNOWN_STOP_MIN && strangers / all > UNKNOWN_STOP) {
    return {
      ...counted,
      replies: 0,
      unknown: 0,
      pausedUntilMs: Math.max(state.pausedUntilMs, nowMs + UNKNOWN_PAUSE_MS),
    };
  }
  const halve = all > SAMPLE_MAX ? 0.5 : 1;
  return { ...counted, replies: all * halve, unknown: strangers * halve };
}

/** A complaint: half the rate, and a cool-down that quadruples each time, up to a day. */
function struck(state: PaceState, coolDownMs: number, nowMs: number): PaceState {
  // Replies already on their way when the first complaint came are the same complaint.
  if (nowMs < state.pausedUntilMs && coolDownMs < COOL_DOWN_MAX_MS) return state;
  const calm = nowMs - state.lastStrikeMs > CLEAN_BEFORE_RISE_MS;
  const strikes = calm ? 0 : state.strikes;
  const pauseMs = Math.min(COOL_DOWN_MAX_MS, coolDownMs * 4 ** strikes);
  return {
    ...state,
    factor: Math.max(RATE_FLOOR, Math.min(1, state.factor) / 2),
    factorAtMs: nowMs,
    tokens: 0,
    strikes: strikes + 1,
    lastStrikeMs: nowMs,
    pausedUntilMs: Math.max(state.pausedUntilMs, nowMs + pauseMs),
  };
}

/** Half of the recent connections failed: stop for a while, then let one try. */
function tripped(breaker: Breaker, good: boolean, nowMs: number): Breaker {
  if (breaker.state === "half_open") {
    return good ? CLOSED : { ...CLOSED, state: "open", untilMs: nowMs + BREAKER_PAUSE_MS };
  }
  if (breaker.state === "open") return breaker;
  const next = { ...breaker, good: breaker.good + (good ? 1 : 0), bad: breaker.bad + (good ? 0 : 1) };
  const sample = next.good + next.bad;
  if (sample < BREAKER_SAMPLE_MIN) return next;
  if (next.bad * 2 >= sample) return { ...CLOSED, state: "open", untilMs: nowMs + BREAKER_PAUSE_MS };
  return { ...next, good: next.good / 2, bad: next.bad / 2 };
}
