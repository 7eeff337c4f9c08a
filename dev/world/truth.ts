import { REASON_TABLE, type Reason } from "../../shared/verdict/vocabulary.ts";
import type { BoxAnswer, MailboxKind, Outcome, Personality, Truth, Verdict } from "./types.ts";

const BY_PREFIX: ReadonlyMap<string, MailboxKind> = new Map([
  ["nobody", "unknown"],
  ["unknown", "unknown"],
  ["gone", "gone"],
  ["full", "full"],
  ["disabled", "disabled"],
  ["grey", "grey"],
  ["restricted", "restricted"],
  ["moved", "moved"],
  ["forwarded", "forwarded"],
  ["busy", "busy"],
]);
const PREFIX = new RegExp(`^(?:${[...BY_PREFIX.keys()].join("|")})`);
const NO_SUCH = /no-?such/;
const KNOWN = /^(?:user|alice|bob|carol|dave|info|sales|contact)/;
/** A control address of the prober: 12 to 16 lower-case letters and digits. */
const CONTROL = /^[a-z0-9]{12,16}$/;
/** Letters and digits in turns, as no name of a list here has them: chance must not make "bob" of a control address. */
const MIXED = /\d[a-z]/;

/**
 * The kind of mailbox that a local part (without quotes, any case) names. The first match counts:
 * anything with `nosuch` or `no-such` is unknown, and so are 12 to 16 letters and digits in turns; prefixes `user alice bob carol dave info sales contact` exist;
 * `postmaster` and `abuse` are roles; prefixes `nobody unknown gone full disabled grey restricted moved forwarded
 * busy` are what they say (`gone` is a leaver, unknown but for catch-alls that reject leavers); 12 to 16 letters
 * and digits are unknown, because control addresses look so; everything else exists.
 */
export function mailboxKind(local: string): MailboxKind {
  const name = local.toLowerCase();
  if (NO_SUCH.test(name)) return "unknown";
  if (looksMadeUp(local)) return "unknown";
  if (KNOWN.test(name)) return "exists";
  if (name === "postmaster" || name === "abuse") return "role";
  const prefix = PREFIX.exec(name);
  if (prefix) return BY_PREFIX.get(prefix[0]) ?? "exists";
  return CONTROL.test(local) ? "unknown" : "exists";
}

/** A name that no person chose: what a control address of the prober looks like. */
export const looksMadeUp = (local: string): boolean => CONTROL.test(local) && MIXED.test(local);

const verdict = (reason: Reason): Verdict => ({ status: REASON_TABLE[reason].status, reason });

/** Spells an outcome out as statuses and reasons. */
export function truthOf(outcome: Outcome | BoxAnswer): Truth {
  return {
    now: verdict(outcome.now),
    later: verdict(outcome.later ?? outcome.now),
    also: (outcome.also ?? []).map(verdict),
  };
}

/** Whether an address needs SMTPUTF8 (RFC 6531): its local part has characters beyond ASCII. */
export const needsSmtpUtf8 = (local: string): boolean => /[^\x20-\x7e]/.test(local);

/** The truth about a mailbox at a domain of this personality. `local` is without quotes. */
export function mailboxTruth(personality: Personality, local: string): Truth {
  const { outcome, box, greylist } = personality;
  if (outcome) return truthOf(outcome);
  if (needsSmtpUtf8(local) && !offersSmtpUtf8(personality)) return truthOf({ now: "smtputf8_unsupported" });
  const answer = box[mailboxKind(local)];
  if (greylist !== null) return truthOf({ ...greylist, later: answer.later ?? answer.now });
  return truthOf(answer);
}

function offersSmtpUtf8(personality: Personality): boolean {
  return personality.hosts.some((host) => host.script?.keywords?.includes("SMTPUTF8"));
}
