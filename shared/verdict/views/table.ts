import type { Verdict } from "../types.ts";
import type { Reason } from "../vocabulary.ts";

/** A verdict in the words of four other services. */
export type ForeignWords = {
  /** Kickbox `result` and Emailable `state`, and the reason that both give. */
  readonly state: "deliverable" | "undeliverable" | "risky" | "unknown";
  readonly stateReason: string;
  /** Where Emailable's reason has another name. */
  readonly emailableReason?: string;
  /** ZeroBounce. */
  readonly status: "valid" | "invalid" | "catch-all" | "do_not_mail" | "unknown";
  readonly subStatus: string;
  /** NeverBounce. */
  readonly result: NeverBounceResult;
};

export type NeverBounceResult = "valid" | "invalid" | "disposable" | "catchall" | "unknown";

const words = (
  [state, stateReason]: readonly [ForeignWords["state"], string],
  [status, subStatus]: readonly [ForeignWords["status"], string],
  result: NeverBounceResult,
): ForeignWords => ({ state, stateReason, status, subStatus, result });

const SYNTAX = words(["undeliverable", "invalid_email"], ["invalid", "failed_syntax_check"], "invalid");
const DOMAIN = words(["undeliverable", "invalid_domain"], ["invalid", "no_dns_entries"], "invalid");
const NO_MAIL = words(["undeliverable", "invalid_domain"], ["invalid", "does_not_accept_mail"], "invalid");
const MAILBOX = words(["undeliverable", "rejected_email"], ["invalid", "mailbox_not_found"], "invalid");
const FORBIDDEN = words(["risky", "low_quality"], ["do_not_mail", "global_suppression"], "invalid");
const ANYBODY = words(["risky", "low_deliverability"], ["catch-all", ""], "catchall");
const LATER = words(["unknown", "unavailable_smtp"], ["unknown", "mail_server_temporary_error"], "unknown");
const TIMEOUT = words(["unknown", "timeout"], ["unknown", "timeout_exceeded"], "unknown");
const REFUSED_US = words(["unknown", "unavailable_smtp"], ["unknown", "antispam_system"], "unknown");
const ODD: ForeignWords = {
  ...words(["unknown", "invalid_smtp"], ["unknown", "exception_occurred"], "unknown"),
  emailableReason: "unavailable_smtp",
};

const TABLE: Readonly<Record<Reason, ForeignWords>> = {
  syntax_invalid: SYNTAX,
  provider_syntax_invalid: SYNTAX,
  blocked_by_rule: FORBIDDEN,
  suppressed: FORBIDDEN,
  domain_not_found: DOMAIN,
  domain_dead: DOMAIN,
  null_mx: NO_MAIL,
  no_mail_host: NO_MAIL,
  unroutable_ip: words(["undeliverable", "invalid_domain"], ["invalid", "unroutable_ip_address"], "invalid"),
  mailbox_disabled: MAILBOX,
  mailbox_not_found: MAILBOX,
  smtputf8_unsupported: MAILBOX,
  disposable: words(["risky", "low_quality"], ["do_not_mail", "disposable"], "disposable"),
  restricted: words(["risky", "low_deliverability"], ["unknown", "antispam_system"], "unknown"),
  mailbox_full: words(["risky", "low_deliverability"], ["invalid", "mailbox_quota_exceeded"], "unknown"),
  mx_parked: words(["risky", "low_quality"], ["invalid", "does_not_accept_mail"], "invalid"),
  possible_typo: words(["risky", "low_quality"], ["invalid", "possible_typo"], "unknown"),
  gateway_protected: ANYBODY,
  catch_all: ANYBODY,
  unconfirmed: ANYBODY,
  accepted: words(["deliverable", "accepted_email"], ["valid", ""], "valid"),
  opted_out: REFUSED_US,
  provider_unverifiable: REFUSED_US,
  inconsistent: LATER,
  relay_denied: LATER,
  greylisted: words(["unknown", "unavailable_smtp"], ["unknown", "greylisted"], "unknown"),
  temporary_error: LATER,
  tls_required: ODD,
  protocol_error: ODD,
  disconnected: words(["unknown", "unavailable_smtp"], ["unknown", "forcible_disconnect"], "unknown"),
  timeout: TIMEOUT,
  connect_failed: words(["unknown", "no_connect"], ["unknown", "failed_smtp_connection"], "unknown"),
  dns_error: TIMEOUT,
  probe_blocklisted: REFUSED_US,
  rdns_required: REFUSED_US,
  helo_rejected: REFUSED_US,
  sender_rejected: REFUSED_US,
  rate_limited: REFUSED_US,
  policy_rejected: REFUSED_US,
  port25_blocked: REFUSED_US,
  no_probe_available: REFUSED_US,
  // Not in the others' vocabulary: nobody was asked, so nothing beyond "unknown" can be said.
  not_checked: words(["unknown", "unavailable_smtp"], ["unknown", ""], "unknown"),
};

const ROLE: Partial<ForeignWords> = {
  state: "risky",
  stateReason: "low_quality",
  status: "do_not_mail",
  subStatus: "role_based",
};
const ROLE_CATCH_ALL: Partial<ForeignWords> = { status: "do_not_mail", subStatus: "role_based_catch_all" };

/** The others' words for a verdict. They call an accepted role address risky or not to be mailed. */
export const foreignWords = (verdict: Verdict): ForeignWords => {
  const plain = TABLE[verdict.reason];
  if (!verdict.flags.role) return plain;
  if (verdict.reason === "accepted") return { ...plain, ...ROLE };
  return plain === ANYBODY ? { ...plain, ...ROLE_CATCH_ALL } : plain;
};

/** The two halves of an address as the other services print them. */
export const halves = (email: string): { readonly user: string; readonly domain: string } => {
  const at = email.lastIndexOf("@");
  return at < 0 ? { user: email, domain: "" } : { user: email.slice(0, at), domain: email.slice(at + 1).toLowerCase() };
};

/** Their "accepts all" wants a yes or a no. */
export const acceptsAll = (verdict: Verdict): boolean => verdict.flags.catch_all === "yes";
