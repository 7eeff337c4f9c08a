import { UNKNOWN_PAUSE_MS } from "../limits.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** Unknown users: shares at which the rate halves and at which we stop, and the replies needed to say so. */
const UNKNOWN_SLOW = 0.3;
const UNKNOWN_SLOW_MIN = 20;
const UNKNOWN_STOP = 0.6;
const UNKNOWN_STOP_MIN = 50;
/** The sample is halved here, so that it speaks of the recent past. */
const SAMPLE_MAX = 400;

/**
 * How many strangers one host has been asked about from one source address. Of the host, not of its operator: a list
 * that is bad for one tenant of Microsoft 365 says nothing of the others. All times are epoch ms.
 */
export type HostState = {
  readonly hourStartMs: number;
  readonly hourUnknown: number;
  readonly replies: number;
  readonly unknown: number;
  readonly pausedUntilMs: number;
  /** Before this a doubtful host is not asked again. */
  readonly freeAtMs: number;
  /** Replies of visits still under way, and refusals among them: nobody has read them yet, and any may be a stranger. */
  readonly unread: number;
  readonly unreadRefused: number;
};

export const createHost = (nowMs: number): HostState => ({
  hourStartMs: nowMs,
  hourUnknown: 0,
  replies: 0,
  unknown: 0,
  pausedUntilMs: 0,
  freeAtMs: 0,
  unread: 0,
  unreadRefused: 0,
});

const isHourOver = (state: HostState, nowMs: number): boolean => nowMs - state.hourStartMs >= HOUR_MS;

/**
 * Strangers that the host may still be asked about in this hour.
 * @param perHour how many it bears in an hour
 */
export function roomFor(state: HostState, perHour: number, nowMs: number): number {
  return Math.max(0, perHour - (isHourOver(state, nowMs) ? 0 : state.hourUnknown) - state.unreadRefused);
}

/** Milliseconds for which the host is left alone because of strangers; 0 when it may be asked. */
export function hostPausedFor(state: HostState, perHour: number, nowMs: number): number {
  let untilMs = state.pausedUntilMs;
  if (roomFor(state, perHour, nowMs) === 0) {
    untilMs = Math.max(untilMs, isHourOver(state, nowMs) ? nowMs + HOUR_MS : state.hourStartMs + HOUR_MS);
  }
  if (isBad(state.replies + state.unread, state.unknown + state.unreadRefused)) {
    untilMs = Math.max(untilMs, nowMs + UNKNOWN_PAUSE_MS);
  }
  return Math.max(0, untilMs - nowMs);
}

const isBad = (replies: number, unknown: number): boolean =>
  replies >= UNKNOWN_STOP_MIN && unknown / replies > UNKNOWN_STOP;

/** Counts recipients that are about to be asked: a host with many strangers gets half of its operator's rate. */
export function asked(state: HostState, recipients: number, ratePerSecond: number, nowMs: number): HostState {
  const replies = state.replies + state.unread;
  const unknown = state.unknown + state.unreadRefused;
  if (replies < UNKNOWN_SLOW_MIN || unknown / replies <= UNKNOWN_SLOW) return state;
  return { ...state, freeAtMs: Math.max(state.freeAtMs, nowMs) + (2 * recipients * SECOND_MS) / ratePerSecond };
}

/** A flight has come home; what its refusals mean is known when its visit is over. */
export const cameHome = (state: HostState, replies: number, refused: number): HostState => ({
  ...state,
  unread: state.unread + replies,
  unreadRefused: state.unreadRefused + refused,
});

/** A visit is over: its replies are read from now on. */
export const goesToRead = (state: HostState, replies: number, refused: number): HostState => ({
  ...state,
  unread: Math.max(0, state.unread - replies),
  unreadRefused: Math.max(0, state.unreadRefused - refused),
});

/** What a visit's replies meant. More than 60 % strangers over at least 50 replies: nothing more for an hour. */
export function heard(before: HostState, replies: number, unknown: number, nowMs: number): HostState {
  const newHour = isHourOver(before, nowMs);
  const state = {
    ...before,
    hourStartMs: newHour ? nowMs : before.hourStartMs,
    hourUnknown: (newHour ? 0 : before.hourUnknown) + unknown,
  };
  const all = state.replies + replies;
  const strangers = state.unknown + unknown;
  if (isBad(all, strangers)) {
    const pausedUntilMs = Math.max(state.pausedUntilMs, nowMs + UNKNOWN_PAUSE_MS);
    return { ...state, replies: 0, unknown: 0, pausedUntilMs };
  }
  const kept = all > SAMPLE_MAX ? 0.5 : 1;
  return { ...state, replies: all * kept, unknown: strangers * kept };
}
