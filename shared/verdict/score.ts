import type { ScoreFactor } from "./types.ts";
import { type Rating, REASONS, type Reason, STATUSES, type Status } from "./vocabulary.ts";

/** Names the table of weights below; it changes whenever a number in it changes, and is stored with each verdict. */
export const SCORE_VERSION = "2026-11-1";

/**
 * Where each reason starts, in log-odds of "mail does not bounce at the recipient". The undeliverable ones are far
 * below their clamp, so that nothing lifts them; trouble on our side says nothing about the recipient: 0.
 */
const BASE: Readonly<Record<Reason, number>> = {
  syntax_invalid: -9,
  blocked_by_rule: -9,
  suppressed: -9,
  provider_syntax_invalid: -7,
  domain_not_found: -7,
  null_mx: -7,
  no_mail_host: -6,
  unroutable_ip: -7,
  mailbox_disabled: -5,
  mailbox_not_found: -5,
  smtputf8_unsupported: -5,
  domain_dead: -5,
  disposable: -1.5,
  restricted: -2.2,
  mailbox_full: -1.1,
  mx_parked: -2.9,
  possible_typo: -1.7,
  gateway_protected: 0.6,
  catch_all: 0.8,
  unconfirmed: 1.4,
  accepted: 3.9,
  opted_out: 0,
  provider_unverifiable: 0,
  inconsistent: 0,
  relay_denied: -1.1,
  greylisted: 0.6,
  temporary_error: 0.2,
  tls_required: 0.2,
  protocol_error: -0.4,
  disconnected: -0.4,
  timeout: -0.4,
  connect_failed: -1.1,
  dns_error: -0.8,
  probe_blocklisted: 0,
  rdns_required: 0,
  helo_rejected: 0,
  sender_rejected: 0,
  rate_limited: 0,
  policy_rejected: 0,
  port25_blocked: 0,
  no_probe_available: 0,
  not_checked: 0,
};

/** What moves a score away from its base, in log-odds. The signs are fixed; calibration may move only the sizes. */
const WEIGHTS = {
  delivered: 2.5,
  bounced: -5,
  role: -0.3,
  role_catch_all: -0.8,
  no_reply: -0.5,
  soft_code: -0.5,
  /** A day, counted from the eighth: answers are kept for seven. */
  age_day: -0.03,
  random_local: -0.5,
  site_pattern: 0.7,
} as const;

const AGE_FREE_DAYS = 7;

/** Bounds of the score by status. The tenant's own ban and suppression are 0 whatever else is known. */
const CLAMP: Readonly<Record<Status, readonly [number, number]>> = {
  undeliverable: [0, 5],
  unknown: [10, 70],
  risky: [5, 79],
  deliverable: [50, 100],
};

/** What the score depends on, beside status and reason. */
export type ScoreInput = {
  readonly status: Status;
  readonly reason: Reason;
  readonly role: boolean;
  readonly noReply: boolean;
  readonly softCode: boolean;
  /** The domain is known to accept anybody. */
  readonly catchAll: boolean;
  readonly randomLocal: boolean;
  readonly sitePattern: boolean;
  readonly outcome: "delivered" | "bounced" | null;
  /** Age of the mail host's answer in days. */
  readonly ageDays: number;
};

export type Score = { readonly score: number; readonly factors: readonly ScoreFactor[] };

const factor = (name: string, weight: number): ScoreFactor => Object.freeze({ name, weight });

const BASE_FACTORS = Object.fromEntries(
  REASONS.map((reason) => [reason, Object.freeze([factor(`base:${reason}`, BASE[reason])])]),
) as unknown as Readonly<Record<Reason, readonly ScoreFactor[]>>;

const FACTORS = {
  delivered: factor("delivered_90d", WEIGHTS.delivered),
  bounced: factor("bounced_90d", WEIGHTS.bounced),
  role: factor("role", WEIGHTS.role),
  roleCatchAll: factor("role_on_catch_all", WEIGHTS.role_catch_all),
  noReply: factor("no_reply", WEIGHTS.no_reply),
  softCode: factor("soft_code", WEIGHTS.soft_code),
  randomLocal: factor("random_local_part", WEIGHTS.random_local),
  sitePattern: factor("site_pattern", WEIGHTS.site_pattern),
};

const extraFactors = (input: ScoreInput): ScoreFactor[] => {
  const extra: ScoreFactor[] = [];
  if (input.outcome !== null) extra.push(FACTORS[input.outcome]);
  if (input.role) extra.push(input.catchAll ? FACTORS.roleCatchAll : FACTORS.role);
  if (input.noReply) extra.push(FACTORS.noReply);
  if (input.softCode) extra.push(FACTORS.softCode);
  const days = input.ageDays - AGE_FREE_DAYS;
  if (days > 0) extra.push(factor("age", WEIGHTS.age_day * days));
  if (input.catchAll && input.randomLocal) extra.push(FACTORS.randomLocal);
  if (input.catchAll && input.sitePattern) extra.push(FACTORS.sitePattern);
  return extra;
};

/** What a score without outcome and age depends on, as a small number. */
const bitsOf = (input: ScoreInput): number =>
  (input.role ? 1 : 0) +
  (input.noReply ? 2 : 0) +
  (input.softCode ? 4 : 0) +
  (input.catchAll ? 8 : 0) +
  (input.randomLocal ? 16 : 0) +
  (input.sitePattern ? 32 : 0);

const computed = (input: ScoreInput): Score => {
  const extra = extraFactors(input);
  const base = BASE_FACTORS[input.reason];
  const factors = extra.length === 0 ? base : Object.freeze([...base, ...extra]);
  if (input.reason === "blocked_by_rule" || input.reason === "suppressed") return { score: 0, factors };
  let sum = 0;
  for (const { weight } of factors) sum += weight;
  const raw = Math.round(100 / (1 + Math.exp(-sum)));
  const [low, high] = CLAMP[input.status];
  return { score: Math.min(Math.max(raw, low), high), factors };
};

/** Scores that were worked out before, by status, reason and bits: a few hundred at most, shared by all verdicts. */
const known = Object.fromEntries(
  STATUSES.map((status) => [status, Object.fromEntries(REASONS.map((reason) => [reason, []]))]),
) as unknown as Readonly<Record<Status, Readonly<Record<Reason, (Score | undefined)[]>>>>;

/**
 * The score of a verdict: 0..100, the chance that mail does not bounce at the recipient, as a logistic function of a
 * base for the reason and the weights that apply, then clamped by status. The factors are returned in log-odds; their
 * sum is the score before clamping.
 */
export const scoreOf = (input: ScoreInput): Score => {
  if (input.outcome !== null || input.ageDays > AGE_FREE_DAYS) return computed(input);
  const scores = known[input.status][input.reason];
  const bits = bitsOf(input);
  const score = scores[bits] ?? computed(input);
  scores[bits] = score;
  return score;
};

/** The word for a score: 90 and more excellent, 75 good, 50 fair, 20 poor, below that bad. */
export const ratingOf = (score: number): Rating => {
  if (score >= 90) return "excellent";
  if (score >= 75) return "good";
  if (score >= 50) return "fair";
  return score >= 20 ? "poor" : "bad";
};
