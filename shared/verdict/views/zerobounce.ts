import type { Verdict } from "../types.ts";
import { foreignWords, halves } from "./table.ts";

/** Their time format: "2026-11-20 06:30:00.000". */
const processedAt = (rfc3339: string): string => rfc3339.replace("T", " ").replace("Z", "");

/** A verdict as the body of ZeroBounce's `/v2/validate`. What we do not look up about a person is null. */
export const zeroBounceView = (verdict: Verdict) => {
  const { status, subStatus } = foreignWords(verdict);
  const { user, domain } = halves(verdict.email);
  return {
    address: verdict.email,
    status,
    sub_status: subStatus,
    free_email: verdict.flags.free,
    did_you_mean: verdict.did_you_mean,
    account: user,
    domain,
    domain_age_days: null,
    active_in_days: null,
    smtp_provider: verdict.provider,
    mx_found: verdict.mx === null ? "false" : "true",
    mx_record: verdict.mx,
    firstname: null,
    lastname: null,
    gender: null,
    country: null,
    region: null,
    city: null,
    zipcode: null,
    processed_at: processedAt(verdict.checked_at),
  };
};
