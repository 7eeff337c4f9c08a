import { RETRY_AFTER_MAX_MS, RETRY_JITTER } from "./limits.ts";

/** What came of one attempt. `slow` outcomes hold a connection for long and make the courier send less there. */
export type Outcome =
  | { readonly kind: "response"; readonly status: number; readonly retryAfter: string | null; readonly body: string }
  | { readonly kind: "timeout"; readonly stage: "connect" | "response" }
  | { readonly kind: "network"; readonly code: string }
  | { readonly kind: "address-refused" }
  | { readonly kind: "url-refused"; readonly detail: string }
  | { readonly kind: "secret-unreadable" }
  | { readonly kind: "interrupted" };

/** Where the delivery goes from here. `nextAtMs` is null at an end. */
export type NextStep = {
  readonly state: "delivered" | "pending" | "dead";
  readonly nextAtMs: number | null;
  /** A sentence for the owner of the endpoint; null when delivered. */
  readonly error: string | null;
};

/**
 * Decides what follows an attempt. Pure: same arguments, same answer.
 * @param attempt 1 for the first.
 * @param nowMs when the attempt ended, epoch.
 * @param random 0 to 1, for the jitter.
 * @param delaysMs the plan: the delay after the first attempt, the second, and so on.
 */
export function nextStep(
  outcome: Outcome,
  attempt: number,
  nowMs: number,
  random: number,
  delaysMs: readonly number[],
): NextStep {
  const error = explain(outcome);
  if (error === null) return { state: "delivered", nextAtMs: null, error };
  if (isFinal(outcome)) return { state: "dead", nextAtMs: null, error };
  // Cut short by us, not by the receiver: at once, by another courier.
  if (outcome.kind === "interrupted") return { state: "pending", nextAtMs: nowMs, error };
  const delay = delaysMs[attempt - 1];
  if (delay === undefined) return { state: "dead", nextAtMs: null, error };
  const jittered = Math.round(delay * (1 + RETRY_JITTER * (2 * random - 1)));
  const asked = outcome.kind === "response" ? readRetryAfter(outcome, nowMs) : 0;
  return { state: "pending", nextAtMs: nowMs + Math.max(jittered, asked), error };
}

/** Whether the receiver kept the connection waiting, or could not be reached. */
export const isSlow = (outcome: Outcome): boolean => outcome.kind === "timeout" || outcome.kind === "network";

function isFinal(outcome: Outcome): boolean {
  // RFC 9110 15.5.11: gone is meant to be permanent. A URL that is refused now will be refused in a day.
  return outcome.kind === "url-refused" || (outcome.kind === "response" && outcome.status === 410);
}

/** Milliseconds asked for by Retry-After (RFC 9110 10.2.3) of a 429 or 503, within bounds; 0 when there is none. */
function readRetryAfter(outcome: Extract<Outcome, { kind: "response" }>, nowMs: number): number {
  const text = outcome.retryAfter?.trim();
  if (text === undefined || (outcome.status !== 429 && outcome.status !== 503)) return 0;
  const asked = /^[0-9]+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(asked) ? 0 : Math.min(Math.max(asked, 0), RETRY_AFTER_MAX_MS);
}

function explain(outcome: Outcome): string | null {
  switch (outcome.kind) {
    case "response":
      if (outcome.status >= 200 && outcome.status < 300) return null;
      if (outcome.status >= 300 && outcome.status < 400) {
        return `answered ${outcome.status}: redirects are not followed, register the final URL`;
      }
      return outcome.status === 410 ? "answered 410: gone, no more attempts are made" : `answered ${outcome.status}`;
    case "timeout":
      return outcome.stage === "connect" ? "no connection in time" : "no answer in time";
    case "network":
      return `connection failed: ${outcome.code}`;
    case "address-refused":
      return "the host has no address on the public internet";
    case "url-refused":
      return outcome.detail;
    case "secret-unreadable":
      return "the signing secret could not be opened on our side";
    case "interrupted":
      return "cut short on our side";
  }
}
