import type { Verdict } from "../types.ts";
import { acceptsAll, foreignWords, type NeverBounceResult } from "./table.ts";

/** Numbers that their lists and older clients use for the results. */
export const NEVERBOUNCE_CODES: Readonly<Record<NeverBounceResult, number>> = {
  valid: 0,
  invalid: 1,
  disposable: 2,
  catchall: 3,
  unknown: 4,
};

const neverBounceFlags = (verdict: Verdict): string[] => {
  const { flags, reason } = verdict;
  const known: readonly (readonly [boolean, string])[] = [
    [verdict.mx !== null, "has_dns"],
    [verdict.mx !== null, "has_dns_mx"],
    [reason === "syntax_invalid" || reason === "provider_syntax_invalid", "bad_syntax"],
    [flags.free, "free_email_host"],
    [flags.role, "role_account"],
    [flags.disposable, "disposable_email"],
    [verdict.did_you_mean !== null, "spelling_mistake"],
    [reason === "domain_not_found", "bad_dns"],
    [reason === "dns_error", "temporary_dns_error"],
    [reason === "connect_failed", "connect_fails"],
    [acceptsAll(verdict), "accepts_all"],
    [flags.tagged, "contains_alias"],
    [verdict.evidence.code !== null, "smtp_connectable"],
  ];
  return known.filter(([applies]) => applies).map(([, name]) => name);
};

/** A verdict as the body of NeverBounce's `/v4/single/check`. */
export const neverBounceView = (verdict: Verdict, executionTimeMs: number) => ({
  status: "success",
  result: foreignWords(verdict).result,
  flags: neverBounceFlags(verdict),
  suggested_correction: verdict.did_you_mean ?? "",
  execution_time: executionTimeMs,
});
