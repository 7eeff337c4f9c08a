import { BREAKER_AFTER, BREAKER_FIRST_MS, BREAKER_MAX_MS } from "./limits.ts";

/** How much an endpoint is held back: deliveries at once, slow failures in a row, and until when it is left alone. */
export type Pace = { readonly room: number; readonly slow: number; readonly shutUntilMs: number };

/**
 * The pace after one attempt; null when the endpoint is not held back at all.
 * A slow failure halves the room, any answer gives one slot back. After BREAKER_AFTER slow failures in a row the
 * endpoint is left alone for seconds, then minutes, then tried with a single delivery: an endpoint that swallows
 * connections must not eat the slots of those that answer.
 */
export function paceAfter(pace: Pace | null, slow: boolean, nowMs: number, cap: number): Pace | null {
  const room = pace?.room ?? cap;
  if (!slow) return room + 1 >= cap ? null : { room: room + 1, slow: 0, shutUntilMs: 0 };
  const failures = (pace?.slow ?? 0) + 1;
  const over = failures - BREAKER_AFTER;
  const shutMs = over < 0 ? 0 : Math.min(BREAKER_FIRST_MS * 2 ** over, BREAKER_MAX_MS);
  return { room: Math.max(1, Math.floor(room / 2)), slow: failures, shutUntilMs: nowMs + shutMs };
}

/** Deliveries an endpoint may have at once right now. */
export const roomNow = (pace: Pace, nowMs: number): number => (pace.shutUntilMs > nowMs ? 0 : pace.room);
