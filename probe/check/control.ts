import { createHmac } from "node:crypto";
import type { Classified } from "../../shared/reply/types.ts";
import { CATCH_ALL_ACT_AT } from "../../shared/verdict/reasons.ts";
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
  /** Local parts of the control addresses that agree, the latest first; at most two. */
  readonly locals: readonly string[];
};

/** What asking for a control came to: an answer, "not now" (greylisted with the others), or nothing. */
export type ControlOutcome = ControlAnswer | "later" | null;

/** A reply to a control address. */
export type ControlReply = {
  readonly classified: Classified;
  /** Fingerprint of its words. */
  readonly template: string;
  /** Local part of the control address. */
  readonly local: string;
  readonly nowMs: number;
};

/**
 * Reads the reply to a control address; null when it is no answer (a close, a policy, a limit, "not now").
 * @param earlier what the same host said of the same domain before
 */
export function readControl(reply: ControlReply, earlier: ControlAnswer | null): ControlAnswer | null {
  const { classified } = reply;
  if (classified.class === "accepted") return acceptance(reply, earlier);
  if (classified.ambiguous) return refusal(reply, 0.9);
  if (classified.class !== "recipient") return null;
  switch (classified.reason) {
    case "mailbox_not_found":
    case "mailbox_disabled":
      return refusal(reply, 0.97);
    case "temporary_error":
      // "User unknown" under a temporary code: the host tells users from others, which is all that is asked here.
      return classified.rule.startsWith("soft:") && classified.flags.length === 0 ? refusal(reply, 0.9) : null;
    case "restricted":
      return refusal(reply, 0.85);
    default:
      return null;
  }
}

/** Two different addresses that nobody has are better witnesses than one asked twice. */
function acceptance({ local, nowMs }: ControlReply, earlier: ControlAnswer | null): ControlAnswer {
  const agreed = earlier?.catchAll.answer === "yes" ? earlier.locals.filter((other) => other !== local) : [];
  const locals = [local, ...agreed.slice(0, 1)];
  const confidence = locals.length > 1 ? 0.98 : 0.9;
  return { catchAll: { answer: "yes", confidence }, template: null, atMs: nowMs, locals };
}

const refusal = ({ template, local, nowMs }: ControlReply, confidence: number): ControlAnswer => ({
  catchAll: { answer: "no", confidence },
  template,
  atMs: nowMs,
  locals: [local],
});

/** A known answer as of now: confidence decays to one half over a day. */
function asOfNow(known: ControlAnswer, nowMs: number): CatchAll {
  const age = Math.min(1, Math.max(0, (nowMs - known.atMs) / HOST_FACT_TTL_MS));
  const { answer: which, confidence } = known.catchAll;
  return { answer: which, confidence: Math.max(0.5, confidence - (confidence - 0.5) * age) };
}

/** Whether a known answer may still be acted upon; one that may not is asked for again. */
export const isFresh = (known: ControlAnswer, nowMs: number): boolean =>
  asOfNow(known, nowMs).confidence >= CATCH_ALL_ACT_AT;

/** MAIL.md 3: what a control is worth at a host that is not of the best preference. */
export const BACKUP_WEIGHT = 0.7;

/** A known answer as of now, at a host whose word weighs so much. */
export function worthOf(known: ControlAnswer, nowMs: number, weight: number): CatchAll {
  const { answer: which, confidence } = asOfNow(known, nowMs);
  return { answer: which, confidence: confidence * weight };
}
