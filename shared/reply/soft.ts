import type { Classified } from "./types.ts";

/** A temporary code with the words of an unknown user is believed when it is repeated this much later. */
const SOFT_REPEAT_MIN_MS = 10 * 60_000;

const SOFT = "soft:";

/** Whether a reply says "user unknown" under a temporary code. */
const isSoftUnknown = (classified: Classified): boolean =>
  classified.class === "recipient" &&
  classified.reason === "temporary_error" &&
  classified.rule.startsWith(SOFT) &&
  !classified.flags.includes("exists");

/**
 * Turns a 4xx "user unknown" into `mailbox_not_found` (flag `soft_code`) when the same words came at least ten
 * minutes ago. Replies about a verification still under way or a host out of reach are never such words: they have
 * rows of their own. Returns the reply unchanged otherwise.
 *
 * @param template fingerprint of this reply (`replyTemplate`)
 * @param earlierTemplate fingerprint of the earlier temporary refusal, or null
 * @param elapsedMs time between the two
 */
export const resolveSoft = (
  classified: Classified,
  template: string,
  earlierTemplate: string | null,
  elapsedMs: number,
): Classified => {
  if (!isSoftUnknown(classified) || earlierTemplate !== template || elapsedMs < SOFT_REPEAT_MIN_MS) return classified;
  return {
    ...classified,
    reason: "mailbox_not_found",
    rule: `repeated-${classified.rule.slice(SOFT.length)}`,
    flags: ["soft_code"],
    retry: null,
  };
};
