import type { AddressFacts } from "../address/facts.ts";
import { redactAddresses } from "../reply/redact.ts";
import { isReplaced, reasonsOf, recipientAnswer } from "./reasons.ts";
import { ratingOf, SCORE_VERSION, type Score, scoreOf } from "./score.ts";
import type { DecideOptions, Evidence, Finding, Verdict, VerdictEvidence, VerdictFlags } from "./types.ts";
import { type Mode, REASON_TABLE, type Reason, type Status } from "./vocabulary.ts";

const DAY_MS = 86_400_000;
const NO_FINDINGS: readonly Finding[] = Object.freeze([]);

/** Evidence about an address of which nothing is known yet but its text. */
export const emptyEvidence = (facts: AddressFacts, mode: Mode): Evidence => ({
  facts,
  mode,
  tenantRule: null,
  suppressed: false,
  findings: NO_FINDINGS,
  catchAll: null,
  parked: false,
  disposableMx: false,
  mx: null,
  provider: null,
  acceptsThenBounces: false,
  probeRegion: null,
  tls: null,
  outcome: null,
});

/** Reasons that a 250 turns into, depending on what is known of the domain. */
const ACCEPTANCES: ReadonlySet<Reason> = new Set<Reason>(["accepted", "catch_all", "gateway_protected", "unconfirmed"]);

/** Reasons that tell that the mailbox is there. */
const EXISTING: ReadonlySet<Reason> = new Set<Reason>(["accepted", "mailbox_full", "restricted"]);

/** The finding that gave the verdict its reason; null when the text or the lists did. */
const decidingFinding = (findings: readonly Finding[], answer: Finding | null, reason: Reason): Finding | null => {
  if (answer !== null && (answer.reason === reason || (ACCEPTANCES.has(reason) && ACCEPTANCES.has(answer.reason)))) {
    return answer;
  }
  for (let i = findings.length - 1; i >= 0; i--) {
    const finding = findings[i];
    if (finding !== undefined && finding.reason === reason) return finding;
  }
  return null;
};

const flagsOf = (evidence: Evidence, answer: Finding | null, reason: Reason): VerdictFlags => {
  const { catchAll } = evidence;
  const { flags } = evidence.facts;
  let full = false;
  let disabled = false;
  let forwarded = false;
  let moved = false;
  let soft = false;
  let exists = EXISTING.has(reason);
  for (const finding of evidence.findings) {
    if (isReplaced(finding, answer)) continue;
    if (finding.reason === "mailbox_full") full = true;
    else if (finding.reason === "mailbox_disabled") disabled = true;
    for (const flag of finding.flags) {
      if (flag === "mailbox_full") full = true;
      else if (flag === "disabled") disabled = true;
      else if (flag === "forwarded") forwarded = true;
      else if (flag === "moved") moved = true;
      else if (flag === "soft_code") soft = true;
      else exists = true;
    }
  }
  return {
    disposable: flags.disposable || evidence.disposableMx,
    role: flags.role,
    free: flags.free,
    privacy_relay: flags.privacy_relay,
    catch_all: catchAll === null ? "unknown" : catchAll.answer,
    catch_all_confidence: catchAll === null ? null : catchAll.confidence,
    mailbox_full: full,
    disabled,
    no_reply: flags.no_reply,
    tagged: flags.tagged,
    forwarded,
    moved,
    soft_code: soft,
    exists,
  };
};

/** Why the text alone gave this reason, in words; null when it did not. */
const detailOf = (evidence: Evidence, reason: Reason): string | null => {
  const { error, providerError, address } = evidence.facts;
  if (reason === "syntax_invalid") return error === null ? null : `${error.message} (at ${error.position})`;
  if (reason === "provider_syntax_invalid" && providerError !== null) {
    return `${providerError.message} (at ${providerError.position})`;
  }
  if (reason === "domain_not_found" && address !== null && address.specialUse !== null) {
    return `"${address.specialUse}" is a special-use name and never in the public DNS (RFC 6761)`;
  }
  if (reason === "unroutable_ip" && evidence.facts.literalRoutable === false) {
    return "the address literal is not a public unicast address";
  }
  return null;
};

/** Which rule of the text, the lists or the tenant decided, where no finding did. */
const ruleOf = (evidence: Evidence, reason: Reason): string | null => {
  const { error, providerError } = evidence.facts;
  if (reason === "syntax_invalid") return error === null ? null : error.rule;
  if (reason === "provider_syntax_invalid") return providerError === null ? null : providerError.rule;
  if (reason === "blocked_by_rule") return evidence.tenantRule === null ? null : evidence.tenantRule.id;
  if (reason === "domain_not_found") return "special-use";
  if (reason === "disposable") return evidence.facts.flags.disposable ? "disposable-domain" : "disposable-mx";
  if (reason === "possible_typo") return evidence.facts.typosquat ? "typosquat" : "typo-with-second-sign";
  return null;
};

// Most verdicts of a list rest on the same few words ("250 2.1.5 Ok"): they share one piece of evidence.
let lastEvidence: { readonly deciding: Finding; readonly tls: string | null; readonly made: VerdictEvidence } | null =
  null;

const evidenceOf = (
  evidence: Evidence,
  deciding: Finding | null,
  reason: Reason,
  factors: Score["factors"],
): VerdictEvidence => {
  if (deciding === null || evidence.transcript) return newEvidence(evidence, deciding, reason, factors);
  const last = lastEvidence;
  if (last !== null && last.deciding === deciding && last.tls === evidence.tls && last.made.factors === factors) {
    return last.made;
  }
  const made = newEvidence(evidence, deciding, reason, factors);
  lastEvidence = { deciding, tls: evidence.tls, made };
  return made;
};

const newEvidence = (
  evidence: Evidence,
  deciding: Finding | null,
  reason: Reason,
  factors: Score["factors"],
): VerdictEvidence => {
  const reply = deciding === null ? null : deciding.reply;
  return {
    code: reply === null ? null : reply.code,
    enhanced_code: reply === null ? null : reply.enhanced,
    text: reply === null ? null : redactAddresses(reply.text),
    stage: reply === null ? null : reply.stage,
    host: reply === null ? null : reply.host,
    rule: deciding === null ? ruleOf(evidence, reason) : deciding.rule,
    tls: evidence.tls,
    detail: deciding === null ? detailOf(evidence, reason) : null,
    factors,
    transcript: evidence.transcript ?? null,
  };
};

// Formatting a time costs more than the rest of a verdict; a batch decided in one millisecond shares its text.
let lastMs = Number.NaN;
let lastText = "";
const timestamp = (ms: number): string => {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
};

const scored = (evidence: Evidence, flags: VerdictFlags, status: Status, reason: Reason, nowMs: number): Score =>
  scoreOf({
    status,
    reason,
    role: flags.role,
    noReply: flags.no_reply,
    softCode: flags.soft_code,
    catchAll: reason === "catch_all" || reason === "gateway_protected",
    randomLocal: evidence.facts.randomLooking,
    sitePattern: evidence.sitePattern === true,
    outcome: evidence.outcome,
    ageDays: evidence.answeredAtMs === undefined ? 0 : (nowMs - evidence.answeredAtMs) / DAY_MS,
  });

/**
 * The one way from evidence to a verdict, at the edge and on the probe alike.
 *
 * A later answer about the recipient replaces an earlier one; trouble never does. Of the reasons that then apply the
 * first in the total order decides. An allow rule takes away `disposable` and `possible_typo` and nothing else. With
 * `roleIsRisky` an accepted role address is reported as status `risky` with its reason still `accepted`: the tenant
 * changes what it wants, not what was learnt.
 *
 * @param nowMs time of the verdict, epoch milliseconds
 */
export const decide = (evidence: Evidence, options: DecideOptions, nowMs: number): Verdict => {
  const { facts } = evidence;
  const answer = evidence.findings.length === 0 ? null : recipientAnswer(evidence.findings);
  const reasons = reasonsOf(evidence, answer);
  const reason = reasons[0] ?? "not_checked";
  const flags = flagsOf(evidence, answer, reason);
  const ordinary = REASON_TABLE[reason].status;
  const status = options.roleIsRisky && flags.role && ordinary === "deliverable" ? "risky" : ordinary;
  const deciding = decidingFinding(evidence.findings, answer, reason);
  const { score, factors } = scored(evidence, flags, status, reason, nowMs);
  const retryAfterMs = deciding === null ? null : deciding.retryAfterMs;
  return {
    email: facts.input,
    status,
    reason,
    reasons,
    score,
    rating: ratingOf(score),
    score_version: SCORE_VERSION,
    safe_to_send: status === "deliverable" && score >= 80 && !flags.no_reply,
    flags,
    did_you_mean: facts.didYouMean,
    mx: evidence.mx,
    provider: evidence.provider ?? facts.provider,
    probe_region: evidence.probeRegion,
    checked_at: timestamp(nowMs),
    cached: false,
    retry_after: retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1000),
    evidence: evidenceOf(evidence, deciding, reason, factors),
  };
};
