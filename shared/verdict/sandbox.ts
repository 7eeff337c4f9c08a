import type { AddressFacts } from "../address/facts.ts";
import { decide, emptyEvidence } from "./decide.ts";
import type { CatchAll, Evidence, Finding, ReplyEvidence, Verdict } from "./types.ts";
import { REASON_TABLE, type Reason } from "./vocabulary.ts";

const SANDBOX_DOMAIN = "sandbox.test";
const SANDBOX_HOST = "mx.sandbox.test";
/** What an `unknown` sandbox answer says about asking again. */
const SANDBOX_RETRY_MS = 360_000;

type Words = readonly [code: number, enhanced: string | null, text: string];

/** What the imaginary host said, for the reasons that a reply gives. The others came from DNS, text or our side. */
const WORDS: Readonly<Partial<Record<Reason, Words>>> = {
  mailbox_disabled: [550, "5.2.1", "Mailbox disabled"],
  mailbox_not_found: [550, "5.1.1", "User unknown"],
  smtputf8_unsupported: [553, "5.6.7", "Non-ASCII addresses not permitted for that recipient"],
  restricted: [550, "5.7.1", "Recipient restricted"],
  mailbox_full: [452, "4.2.2", "Mailbox full"],
  gateway_protected: [250, "2.1.5", "Ok"],
  catch_all: [250, "2.1.5", "Ok"],
  unconfirmed: [250, "2.1.5", "Ok"],
  accepted: [250, "2.1.5", "Ok"],
  relay_denied: [554, "5.7.1", "Relay access denied"],
  greylisted: [450, "4.2.0", "Greylisted"],
  temporary_error: [451, "4.3.0", "Local error in processing"],
  tls_required: [530, "5.7.0", "Must issue a STARTTLS command first"],
  protocol_error: [503, "5.5.1", "Bad sequence of commands"],
  probe_blocklisted: [554, "5.7.1", "Client host blocked"],
  rdns_required: [550, "5.7.25", "Reverse DNS required"],
  helo_rejected: [504, "5.5.2", "Helo command rejected"],
  sender_rejected: [550, "5.1.8", "Sender address rejected"],
  rate_limited: [421, "4.7.0", "Too many connections"],
  policy_rejected: [550, "5.7.1", "Denied by policy"],
};

const ACCEPTED_AS: Readonly<Partial<Record<Reason, CatchAll | "none">>> = {
  accepted: { answer: "no", confidence: 0.97 },
  catch_all: { answer: "yes", confidence: 0.98 },
  gateway_protected: { answer: "yes", confidence: 0.98 },
  unconfirmed: "none",
};

/** Reasons that need no finding: the text, a list or a rule gives them. */
const FROM_TEXT: ReadonlySet<Reason> = new Set<Reason>([
  "syntax_invalid",
  "blocked_by_rule",
  "suppressed",
  "provider_syntax_invalid",
  "disposable",
  "possible_typo",
  "mx_parked",
  "not_checked",
]);

const sandboxFacts = (email: string, local: string, reason: Reason): AddressFacts => {
  const error = { rule: "sandbox", position: 0, message: "The sandbox says so." };
  const invalid = reason === "syntax_invalid";
  const address = {
    input: email,
    local,
    domain: SANDBOX_DOMAIN,
    unicodeDomain: SANDBOX_DOMAIN,
    normalised: `${local}@${SANDBOX_DOMAIN}`,
    quoted: false,
    literal: false,
    needsSmtpUtf8: false,
    specialUse: null,
  };
  return {
    input: email,
    address: invalid ? null : address,
    error: invalid ? error : null,
    providerError: reason === "provider_syntax_invalid" ? error : null,
    flags: {
      disposable: reason === "disposable",
      role: false,
      free: false,
      privacy_relay: false,
      no_reply: false,
      tagged: false,
    },
    didYouMean: reason === "possible_typo" ? `${local}@sandbox.example` : null,
    typosquat: reason === "possible_typo",
    literalRoutable: null,
    randomLooking: false,
    provider: null,
  };
};

const replyOf = (reason: Reason): ReplyEvidence | null => {
  const words = WORDS[reason];
  if (words === undefined) return null;
  const [code, enhanced, text] = words;
  return { code, enhanced, text, stage: "rcpt", host: SANDBOX_HOST };
};

const sandboxEvidence = (email: string, local: string, reason: Reason): Evidence => {
  const reply = replyOf(reason);
  const finding: Finding = {
    reason: ACCEPTED_AS[reason] === undefined ? reason : "accepted",
    rule: "sandbox",
    reply,
    retryAfterMs: REASON_TABLE[reason].status === "unknown" ? SANDBOX_RETRY_MS : null,
    flags: [],
  };
  const control = ACCEPTED_AS[reason];
  return {
    ...emptyEvidence(sandboxFacts(email, local, reason), "full"),
    tenantRule: reason === "blocked_by_rule" ? { id: "sandbox", kind: "block" } : null,
    suppressed: reason === "suppressed",
    findings: FROM_TEXT.has(reason) ? [] : [finding],
    catchAll: control === undefined || control === "none" ? null : control,
    parked: reason === "mx_parked",
    mx: reply === null ? null : SANDBOX_HOST,
    acceptsThenBounces: reason === "gateway_protected",
  };
};

/**
 * The answer of a test address: `mailbox-not-found@sandbox.test` gives the reason `mailbox_not_found`, and so on for
 * every reason of the vocabulary, with the flags, reply and score that such a verdict has. Null for any other address
 * and for unknown local parts at sandbox.test.
 */
export const sandboxVerdict = (email: string, nowMs: number): Verdict | null => {
  const trimmed = email.trim();
  const at = trimmed.lastIndexOf("@");
  if (at < 1 || trimmed.slice(at + 1).toLowerCase() !== SANDBOX_DOMAIN) return null;
  const local = trimmed.slice(0, at).toLowerCase();
  const name = local.replaceAll("-", "_");
  if (local.includes("_") || !Object.hasOwn(REASON_TABLE, name)) return null;
  return decide(sandboxEvidence(trimmed, local, name as Reason), { roleIsRisky: false }, nowMs);
};
