import type { AddressFacts } from "../address/facts.ts";
import type { Evidence, Finding } from "./types.ts";
import { REASON_RANK, type Reason } from "./vocabulary.ts";

/** Below this confidence a catch-all answer is not acted upon (MAIL.md 3). */
export const CATCH_ALL_ACT_AT = 0.8;

/** What a mail host said about the recipient. Of several such answers the latest counts; trouble replaces none. */
const RECIPIENT_ANSWERS: ReadonlySet<Reason> = new Set<Reason>([
  "accepted",
  "catch_all",
  "gateway_protected",
  "unconfirmed",
  "mailbox_not_found",
  "mailbox_disabled",
  "mailbox_full",
  "restricted",
  "smtputf8_unsupported",
  "inconsistent",
]);

/** The latest finding that speaks about the recipient, or null. */
export const recipientAnswer = (findings: readonly Finding[]): Finding | null => {
  for (let i = findings.length - 1; i >= 0; i--) {
    const finding = findings[i];
    if (finding !== undefined && RECIPIENT_ANSWERS.has(finding.reason)) return finding;
  }
  return null;
};

/** True when a finding was overtaken by a later answer about the recipient. */
export const isReplaced = (finding: Finding, answer: Finding | null): boolean =>
  answer !== null && finding !== answer && RECIPIENT_ANSWERS.has(finding.reason);

/**
 * What a 250 is worth beside what is known of the domain: `accepted` only with a refused control; `catch_all` with an
 * accepted one; `gateway_protected` where the operator is known to accept and bounce; else `unconfirmed`.
 */
const worthOfAcceptance = (evidence: Evidence): Reason => {
  const control = evidence.catchAll;
  const known = control !== null && control.confidence >= CATCH_ALL_ACT_AT ? control.answer : "unknown";
  if (known === "no") return "accepted";
  if (evidence.acceptsThenBounces) return "gateway_protected";
  return known === "yes" ? "catch_all" : "unconfirmed";
};

/** Reasons that the text of the address, the lists and the tenant's rules give without asking anybody. */
const addReasonsOfText = (evidence: Evidence, add: (reason: Reason) => void): void => {
  const { facts, tenantRule } = evidence;
  const allowed = tenantRule !== null && tenantRule.kind === "allow";
  if (tenantRule !== null && !allowed) add("blocked_by_rule");
  if (evidence.suppressed) add("suppressed");
  if (facts.error !== null || facts.address === null) {
    add("syntax_invalid");
    return;
  }
  if (facts.providerError !== null) add("provider_syntax_invalid");
  if (facts.address.specialUse !== null) add("domain_not_found");
  if (facts.literalRoutable === false) add("unroutable_ip");
  if (allowed) return;
  if (facts.flags.disposable || evidence.disposableMx) add("disposable");
  if (isTypo(evidence)) add("possible_typo");
};

/** A suggestion alone is no reason: real domains look like typos of others. Two signs together are one. */
const isTypo = (evidence: Evidence): boolean => {
  const { facts, catchAll } = evidence;
  if (facts.typosquat) return true;
  if (facts.didYouMean === null) return false;
  if (evidence.parked) return true;
  return catchAll !== null && catchAll.answer === "yes" && catchAll.confidence >= CATCH_ALL_ACT_AT;
};

const byRank = (a: Reason, b: Reason): number => REASON_RANK[a] - REASON_RANK[b];

/** All reasons that apply to the evidence, without repetition, in their total order; never empty. */
export const reasonsOf = (evidence: Evidence, answer: Finding | null): readonly Reason[] => {
  const reasons: Reason[] = [];
  const add = (reason: Reason): void => {
    if (!reasons.includes(reason)) reasons.push(reason);
  };
  addReasonsOfText(evidence, add);
  if (evidence.parked) add("mx_parked");
  for (const finding of evidence.findings) {
    if (isReplaced(finding, answer)) continue;
    add(finding.reason === "accepted" ? worthOfAcceptance(evidence) : finding.reason);
  }
  if (reasons.length === 0) add("not_checked");
  return reasons.length === 1 ? reasons : reasons.sort(byRank);
};

/**
 * Whether the text alone settles the verdict, so that no host needs to be asked: broken syntax, the tenant's own ban
 * or suppression, a name that can never be in the public DNS, an address literal that is never dialled, and a
 * disposable domain that the tenant does not allow.
 */
export const decidableAtEdge = (
  facts: AddressFacts,
  tenantRule: Evidence["tenantRule"],
  suppressed: boolean,
): boolean => {
  if (suppressed || facts.error !== null || facts.address === null || facts.providerError !== null) return true;
  if (tenantRule !== null && tenantRule.kind === "block") return true;
  if (facts.address.specialUse !== null || facts.literalRoutable === false) return true;
  return facts.flags.disposable && tenantRule === null;
};
