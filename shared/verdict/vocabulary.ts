/** The four answers to "will mail to this address arrive?". */
export const STATUSES = ["deliverable", "undeliverable", "risky", "unknown"] as const;
export type Status = (typeof STATUSES)[number];

/** Whose doing an `unknown` is: the receiving side's, ours, or nobody asked. `null` for decided verdicts. */
type Fault = "theirs" | "ours" | "not_asked" | null;

type ReasonRow = { readonly status: Status; readonly fault: Fault };

const undeliverable: ReasonRow = { status: "undeliverable", fault: null };
const risky: ReasonRow = { status: "risky", fault: null };
const deliverable: ReasonRow = { status: "deliverable", fault: null };
const theirs: ReasonRow = { status: "unknown", fault: "theirs" };
const ours: ReasonRow = { status: "unknown", fault: "ours" };
const notAsked: ReasonRow = { status: "unknown", fault: "not_asked" };

/**
 * Every reason a verdict can have, with its status. The order of the keys is the total order: when several
 * reasons apply, the first one here is the verdict's `reason`.
 */
export const REASON_TABLE = {
  syntax_invalid: undeliverable,
  blocked_by_rule: risky,
  suppressed: risky,
  provider_syntax_invalid: undeliverable,
  domain_not_found: undeliverable,
  null_mx: undeliverable,
  no_mail_host: undeliverable,
  unroutable_ip: undeliverable,
  mailbox_disabled: undeliverable,
  mailbox_not_found: undeliverable,
  smtputf8_unsupported: undeliverable,
  domain_dead: undeliverable,
  disposable: risky,
  restricted: risky,
  mailbox_full: risky,
  mx_parked: risky,
  possible_typo: risky,
  gateway_protected: risky,
  catch_all: risky,
  unconfirmed: risky,
  accepted: deliverable,
  opted_out: theirs,
  provider_unverifiable: theirs,
  inconsistent: theirs,
  relay_denied: theirs,
  greylisted: theirs,
  temporary_error: theirs,
  tls_required: theirs,
  protocol_error: theirs,
  disconnected: theirs,
  timeout: theirs,
  connect_failed: theirs,
  dns_error: theirs,
  probe_blocklisted: ours,
  rdns_required: ours,
  helo_rejected: ours,
  sender_rejected: ours,
  rate_limited: ours,
  policy_rejected: ours,
  port25_blocked: ours,
  no_probe_available: ours,
  not_checked: notAsked,
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASON_TABLE;

/** All reasons in their total order. */
export const REASONS = Object.keys(REASON_TABLE) as [Reason, ...Reason[]];

export const RATINGS = ["excellent", "good", "fair", "poor", "bad"] as const;
export type Rating = (typeof RATINGS)[number];

/** How far a check may go: text only, text and DNS, or all the way to the mail host. */
export const MODES = ["edge", "dns", "full"] as const;
export type Mode = (typeof MODES)[number];

/** The step of a check at which something was learnt. */
export const STAGES = [
  "syntax",
  "rule",
  "list",
  "dns",
  "connect",
  "banner",
  "ehlo",
  "starttls",
  "mail",
  "rcpt",
  "rset",
  "quit",
] as const;
export type Stage = (typeof STAGES)[number];

export const TRI_STATES = ["yes", "no", "unknown"] as const;
export type TriState = (typeof TRI_STATES)[number];

/** Place of each reason in the total order: the smaller number decides. */
export const REASON_RANK = Object.fromEntries(REASONS.map((reason, index) => [reason, index])) as Readonly<
  Record<Reason, number>
>;
