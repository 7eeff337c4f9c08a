import type { Finding } from "../verdict/types.ts";
import type { Reason } from "../verdict/vocabulary.ts";
import { REPLY_ROWS } from "./rows/index.ts";

/**
 * Rules of no single reply: nobody could be reached from here, or a host refused everybody, `postmaster@` included, or
 * a mailbox of ours that certainly exists.
 */
const OWN_RULES = ["connect-failed", "connect-timeout", "blanket-refusal", "live-mailbox-refused"];

const RULES: ReadonlySet<string> = new Set([
  ...OWN_RULES,
  ...REPLY_ROWS.filter((row) => row.secondOpinion === true).map((row) => row.rule),
]);

/** Trouble that says nothing against asking from elsewhere, but is no reason to do so. */
const NEUTRAL: ReadonlySet<Reason> = new Set<Reason>([
  "temporary_error",
  "protocol_error",
  "disconnected",
  "timeout",
  "connect_failed",
  "dns_error",
]);

/**
 * Whether another network may be asked about an address (MAIL.md 4): trouble that is about where we come from, and
 * nothing that is an answer or a deliberate refusal ("harvest", "verification", a prohibition, an opt-out, a limit).
 * One such word from one of several hosts is enough to leave it at that: going round a refusal is abuse.
 */
export function mayAskElsewhere(findings: readonly Finding[]): boolean {
  let wanted = false;
  for (const { rule, reason } of findings) {
    if (RULES.has(rule)) wanted = true;
    else if (!NEUTRAL.has(reason)) return false;
  }
  return wanted;
}
