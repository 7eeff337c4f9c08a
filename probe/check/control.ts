import { createHmac } from "node:crypto";
import type { Classified } from "../../shared/reply/types.ts";
import type { CatchAll } from "../../shared/verdict/types.ts";
import { HOST_FACT_TTL_MS } from "../limits.ts";

const DAY_MS = 86_400_000;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const CONTROL_CHARS = 14;

/**
 * Local part of the day's control address of a domain: looks like no person and no role, is constant for the day so
 * that its greylist triplet ages too, and cannot be foreseen by anybody without the key.
 */
export function controlLocal(secret: string, domain: string, nowMs: number): string {
  const digest = createHmac("sha256", secret)
    .update(`${domain} ${Math.floor(nowMs / DAY_MS)}`)
    .digest();
  let local = "";
  for (let i = 0; i < CONTROL_CHARS; i += 1) {
    // A letter first: some servers refuse local parts that begin with a digit.
    const choices = i === 0 ? 26 : ALPHABET.length;
    local += ALPHABET[(digest[i] ?? 0) % choices];
  }
  return local;
}

/** What one host says about addresses that nobody has, and in which words. */
export type ControlAnswer = {
  readonly catchAll: CatchAll;
  /** Fingerprint of the refusal: the host's own "user unknown". */
  readonly template: string | null;
  readonly atMs: number;
  /** Control addresses that agree. */
  readonly controls: number;
};

/** What asking for a control came to: an answer, "not now" (greylisted with the others), or nothing. */
export type ControlOutcome = ControlAnswer | "later" | null;

/** Reads the reply to a control address; null when it is no answer (a close, a policy, a limit, "not now"). */
export function readControl(
  classified: Classified,
  template: string,
  nowMs: number,
  earlier: ControlAnswer | null,
): ControlAnswer | null {
  if (classified.class === "accepted") {
    const again = earlier?.catchAll.answer === "yes";
    return answer("yes", again ? 0.98 : 0.9, null, nowMs, again ? 2 : 1);
  }
  if (classified.ambiguous) return answer("no", 0.9, template, nowMs, 1);
  if (classified.class !== "recipient") return null;
  switch (classified.reason) {
    case "mailbox_not_found":
    case "mailbox_disabled":
      return answer("no", 0.97, template, nowMs, 1);
    case "temporary_error":
      // "User unknown" under a temporary code: the host tells users from others, which is all that is asked here.
      return classified.rule.startsWith("soft:") && classified.flags.length === 0
        ? answer("no", 0.9, template, nowMs, 1)
        : null;
    case "restricted":
      // Above the threshold for acting by what a few hours of decay take: at it, a millisecond would decide.
      return answer("no", 0.85, template, nowMs, 1);
    default:
      return null;
  }
}

const answer = (
  which: "yes" | "no",
  confidence: number,
  template: string | null,
  atMs: number,
  controls: number,
): ControlAnswer => ({ catchAll: { answer: which, confidence }, template, atMs, controls });

/** A known answer as of now: confidence decays to one half over a day. */
export function asOfNow(known: ControlAnswer, nowMs: number): CatchAll {
  const age = Math.min(1, Math.max(0, (nowMs - known.atMs) / HOST_FACT_TTL_MS));
  const { answer: which, confidence } = known.catchAll;
  return { answer: which, confidence: Math.max(0.5, confidence - (confidence - 0.5) * age) };
}
