import type { Verdict } from "./types.ts";
import type { Reason } from "./vocabulary.ts";

/** Passed, failed, or not reached. */
type LegacyCheck = { readonly valid: boolean | null; readonly message: string | null };

/** The result shape of the product that this one replaces. */
export type LegacyResult = {
  readonly email: string;
  /** True, false, or null when it could not be told. */
  readonly valid: boolean | null;
  readonly checks: {
    readonly syntax: LegacyCheck;
    readonly domain: LegacyCheck;
    readonly type: LegacyCheck;
    readonly catchall: LegacyCheck;
    readonly smtp: LegacyCheck;
  };
  readonly deliverability_score: number;
  readonly deliverability_rating: string;
  readonly validation_time_ms: number;
  readonly mx_records: readonly string[];
  readonly mailbox_exists: boolean | null;
  readonly smtp_response: string | null;
};

type CheckName = keyof LegacyResult["checks"];
type LegacyRow = { readonly valid: boolean; readonly failing: CheckName | null };

const row = (valid: boolean, failing: CheckName | null = null): LegacyRow => ({ valid, failing });

/** What each decided reason was called; reasons that are not here could not be told: null. */
const LEGACY: Readonly<Partial<Record<Reason, LegacyRow>>> = {
  syntax_invalid: row(false, "syntax"),
  provider_syntax_invalid: row(false, "syntax"),
  blocked_by_rule: row(false),
  suppressed: row(false),
  domain_not_found: row(false, "domain"),
  domain_dead: row(false, "domain"),
  null_mx: row(false, "domain"),
  no_mail_host: row(false, "domain"),
  mx_parked: row(false, "domain"),
  unroutable_ip: row(false, "domain"),
  mailbox_not_found: row(false, "smtp"),
  mailbox_disabled: row(false, "smtp"),
  smtputf8_unsupported: row(false, "smtp"),
  mailbox_full: row(false, "smtp"),
  restricted: row(false, "smtp"),
  disposable: row(false, "type"),
  possible_typo: row(false),
  catch_all: row(true, "catchall"),
  gateway_protected: row(true, "catchall"),
  unconfirmed: row(true, "catchall"),
  accepted: row(true),
};

const CHECK_ORDER: readonly CheckName[] = ["syntax", "domain", "type", "catchall", "smtp"];

/** Which check had an opinion although no earlier one failed: a host that was asked proves syntax and domain. */
const reached = (verdict: Verdict, check: CheckName): boolean => {
  if (check === "syntax" || check === "type") return true;
  if (check === "domain") return verdict.mx !== null;
  if (check === "catchall") return verdict.flags.catch_all !== "unknown";
  return LEGACY[verdict.reason]?.valid === true;
};

const checkOf = (verdict: Verdict, failing: CheckName | null, check: CheckName): LegacyCheck => {
  const message = verdict.evidence.detail ?? verdict.reason;
  if (check === failing) return { valid: false, message };
  const overtaken = failing !== null && CHECK_ORDER.indexOf(failing) < CHECK_ORDER.indexOf(check);
  if (overtaken && LEGACY[verdict.reason]?.valid !== true) return { valid: null, message: null };
  if (check === "catchall" && verdict.flags.catch_all === "yes") return { valid: false, message: "catch_all" };
  if (check === "type" && verdict.flags.role) return { valid: false, message: "role" };
  if (check === "type" && verdict.flags.disposable) return { valid: false, message: "disposable" };
  return { valid: reached(verdict, check) ? true : null, message: null };
};

const mailboxExists = (verdict: Verdict): boolean | null => {
  if (verdict.flags.exists) return true;
  if (verdict.reason === "catch_all" || verdict.reason === "gateway_protected") return null;
  return verdict.status === "undeliverable" ? false : null;
};

const smtpResponse = ({ evidence }: Verdict): string | null => {
  if (evidence.code === null) return null;
  return [String(evidence.code), evidence.enhanced_code, evidence.text].filter((part) => part).join(" ");
};

/**
 * A verdict in the legacy shape. `valid` is true for what is or may be accepted, false for what is not, null for
 * unknown; the check that failed is false, those that it made pointless are null.
 *
 * @param validationTimeMs how long the check took
 * @param mxRecords all MX names if the caller knows them; else the one of the verdict
 */
export const legacyView = (verdict: Verdict, validationTimeMs: number, mxRecords?: readonly string[]): LegacyResult => {
  const legacy = LEGACY[verdict.reason];
  const failing = legacy === undefined ? null : legacy.failing;
  const check = (name: CheckName): LegacyCheck => checkOf(verdict, failing, name);
  return {
    email: verdict.email,
    valid: legacy === undefined ? null : legacy.valid,
    checks: {
      syntax: check("syntax"),
      domain: check("domain"),
      type: check("type"),
      catchall: check("catchall"),
      smtp: check("smtp"),
    },
    deliverability_score: verdict.score,
    deliverability_rating: verdict.rating,
    validation_time_ms: validationTimeMs,
    mx_records: mxRecords ?? (verdict.mx === null ? [] : [verdict.mx]),
    mailbox_exists: mailboxExists(verdict),
    smtp_response: smtpResponse(verdict),
  };
};
