import type { Pace } from "../../shared/providers/index.ts";
import { BREAKER_PAUSE_MS, BREAKER_SAMPLE_MIN, COOL_DOWN_MAX_MS, PACE_PATIENCE_MS } from "../limits.ts";

const SECOND_MS = 1_000;
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
/** Circuit breaker over the recent connections. */
type Breaker = {
  readonly state: "closed" | "open" | "half_open";
  readonly good: number;
  readonly bad: number;
  readonly untilMs: number;
};

/** How one operator takes questions from one source address. All times are epoch ms. */
export type PaceState = {
  /** Factor on the published rate and number of connections: below 1 after throttles, above after long peace. */
  readonly factor: number;
  /** When the factor was set; in a cool-down its end, because nobody can be content with us while we are away. */
  readonly factorAtMs: number;
  readonly tokens: number;
  readonly tokensAtMs: number;
  readonly strikes: number;
  readonly lastStrikeMs: number;
  readonly pausedUntilMs: number;
  readonly dayStartMs: number;
  readonly dayCount: number;
  readonly breaker: Breaker;
};

export type PaceEvent =
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
  breaker: CLOSED,
});

const batchOf = (pace: Pace, factor: number): number =>
  Math.min(BATCH_MAX, Math.max(1, Math.floor(pace.rcptPerSecond * factor * BATCH_SECONDS)));

/** Recipients a second that the operator bears now. */
export const rateOf = (state: PaceState, pace: Pace): number => pace.rcptPerSecond * state.factor;

/**
 * Connections that the operator may see at once: the published number, halved with the rate after a complaint and given
 * back with it, one more only after a week of peace; never none, and one alone to try after the breaker was open.
 */
export const connectionsOf = (state: PaceState, published: number, nowMs: number): number =>
  state.breaker.state === "closed" ? Math.max(1, Math.floor(published * recoveredFactor(state, nowMs))) : 1;

/** How long an unused state is of interest: complaints count for a week, a cool-down lasts a day at most. */
export const keptMs = ({ strikes }: PaceState): number => (strikes > 0 ? CLEAN_BEFORE_RISE_MS + DAY_MS : 2 * DAY_MS);

/** Milliseconds for which nothing may be asked; 0 when asking is allowed. */
export function pausedFor(state: PaceState, pace: Pace, nowMs: number): number {
  const { breaker } = state;
  let untilMs = state.pausedUntilMs;
  if (breaker.state === "open") untilMs = Math.max(untilMs, breaker.untilMs);
  if (pace.perDay !== undefined && state.dayCount >= pace.perDay)
    untilMs = Math.max(untilMs, state.dayStartMs + DAY_MS);
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

/** Brings time-driven parts up to date: tokens, recovery of the rate, the counter of the day. */
function refreshed(state: PaceState, pace: Pace, nowMs: number): PaceState {
  const factor = recoveredFactor(state, nowMs);
  const batch = batchOf(pace, factor);
  const grown = ((nowMs - state.tokensAtMs) / SECOND_MS) * rateOf({ ...state, factor }, pace);
  const newDay = nowMs - state.dayStartMs >= DAY_MS;
  const { breaker } = state;
  return {
    ...state,
    factor,
    factorAtMs: factor === state.factor ? state.factorAtMs : nowMs,
    tokens: Math.min(batch, state.tokens + grown),
    tokensAtMs: nowMs,
    dayStartMs: newDay ? nowMs : state.dayStartMs,
    dayCount: newDay ? 0 : state.dayCount,
    breaker:
      breaker.state === "open" && nowMs >= breaker.untilMs ? { ...CLOSED, state: "half_open", untilMs: 0 } : breaker,
  };
}

function recoveredFactor(state: PaceState, nowMs: number): number {
  const sinceMs = nowMs - state.factorAtMs;
  if (state.factor < 1) {
    const steps = Math.floor(sinceMs / RECOVERY_MS);
    return steps <= 0 ? state.factor : Math.min(1, state.factor + steps * RECOVERY_STEP);
  }
  const risingMs = Math.min(sinceMs, nowMs - state.lastStrikeMs - CLEAN_BEFORE_RISE_MS);
  if (risingMs < DAY_MS) return state.factor;
  return Math.min(RISE_MAX, state.factor + Math.floor(risingMs / DAY_MS) * RISE_PER_DAY);
}

/** What an event makes of the state. Pure. */
export function step(before: PaceState, pace: Pace, event: PaceEvent, nowMs: number): PaceState {
  const state = refreshed(before, pace, nowMs);
  switch (event.kind) {
    case "throttled":
      return struck(state, pace.coolDownMs, nowMs);
    case "blocked":
      return struck(state, COOL_DOWN_MAX_MS, nowMs);
    case "connection":
      return { ...state, breaker: tripped(state.breaker, event.good, nowMs) };
  }
}

/** A complaint: half the rate, and a cool-down that quadruples each time, up to a day. */
function struck(state: PaceState, coolDownMs: number, nowMs: number): PaceState {
  // Replies already on their way when the first complaint came are the same complaint.
  if (nowMs < state.pausedUntilMs && coolDownMs < COOL_DOWN_MAX_MS) return state;
  const calm = nowMs - state.lastStrikeMs > CLEAN_BEFORE_RISE_MS;
  const strikes = calm ? 0 : state.strikes;
  const pausedUntilMs = Math.max(state.pausedUntilMs, nowMs + Math.min(COOL_DOWN_MAX_MS, coolDownMs * 4 ** strikes));
  return {
    ...state,
    factor: Math.max(RATE_FLOOR, Math.min(1, state.factor) / 2),
    factorAtMs: pausedUntilMs,
    tokens: 0,
    strikes: strikes + 1,
    lastStrikeMs: nowMs,
    pausedUntilMs,
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
