import type { RetryClass } from "./types.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Pause after a rate limit where no provider's own cool-down is known. */
const RATE_COOL_DOWN_MS = 15 * MINUTE_MS;

/**
 * Waits between attempts, in milliseconds, first to last (MAIL.md 4). Greylists commonly let a triplet in after five
 * minutes, some after half an hour, few later. The next MX host and the other resolver are tried before any of these
 * waits.
 */
const WAITS_MS: Readonly<Record<Exclude<RetryClass, "rate">, readonly number[]>> = {
  reconnect: [0],
  greylist: [6 * MINUTE_MS, 35 * MINUTE_MS, 3 * HOUR_MS],
  temporary: [15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS],
  connect: [10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS],
  dns: [5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS],
};

/**
 * When to ask again.
 *
 * @param attempt attempts already made for this cause, from 1
 * @returns the wait in milliseconds, or null to give up. A rate limit is never given up: it does not count as an
 * attempt, and the pause is the provider's cool-down where one is known.
 */
export const retryPlan = (cls: RetryClass, attempt: number): { readonly delayMs: number } | null => {
  if (cls === "rate") return { delayMs: RATE_COOL_DOWN_MS };
  const delayMs = WAITS_MS[cls][attempt - 1];
  return delayMs === undefined ? null : { delayMs };
};
