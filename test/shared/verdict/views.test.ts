import { describe, expect, test } from "vitest";
import { decide } from "../../../shared/verdict/decide.ts";
import { legacyView } from "../../../shared/verdict/legacy.ts";
import { sandboxVerdict } from "../../../shared/verdict/sandbox.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import { emailableView } from "../../../shared/verdict/views/emailable.ts";
import { kickboxView } from "../../../shared/verdict/views/kickbox.ts";
import { NEVERBOUNCE_CODES, neverBounceView } from "../../../shared/verdict/views/neverbounce.ts";
import { zeroBounceView } from "../../../shared/verdict/views/zerobounce.ts";
import { REASONS, type Reason } from "../../../shared/verdict/vocabulary.ts";
import { evidenceOf, factsOf, found, NOW_MS, replyOf } from "./fixtures.ts";

type Line = readonly [
  kickbox: string,
  zeroBounce: string,
  neverBounce: number,
  legacy: boolean | null,
  failing: string | null,
];

const LATER: Line = ["unknown / unavailable_smtp", "unknown / mail_server_temporary_error", 4, null, null];
const REFUSED_US: Line = ["unknown / unavailable_smtp", "unknown / antispam_system", 4, null, null];
const ANYBODY: Line = ["risky / low_deliverability", "catch-all / ", 3, true, "catchall"];
const FORBIDDEN: Line = ["risky / low_quality", "do_not_mail / global_suppression", 1, false, null];
const SYNTAX: Line = ["undeliverable / invalid_email", "invalid / failed_syntax_check", 1, false, "syntax"];
const DOMAIN: Line = ["undeliverable / invalid_domain", "invalid / no_dns_entries", 1, false, "domain"];
const NO_MAIL: Line = ["undeliverable / invalid_domain", "invalid / does_not_accept_mail", 1, false, "domain"];
const MAILBOX: Line = ["undeliverable / rejected_email", "invalid / mailbox_not_found", 1, false, "smtp"];
const TIMEOUT: Line = ["unknown / timeout", "unknown / timeout_exceeded", 4, null, null];
const ODD: Line = ["unknown / invalid_smtp", "unknown / exception_occurred", 4, null, null];

const TABLE: Readonly<Record<Reason, Line>> = {
  accepted: ["deliverable / accepted_email", "valid / ", 0, true, null],
  catch_all: ANYBODY,
  gateway_protected: ANYBODY,
  unconfirmed: ANYBODY,
  disposable: ["risky / low_quality", "do_not_mail / disposable", 2, false, "type"],
  mailbox_full: ["risky / low_deliverability", "invalid / mailbox_quota_exceeded", 4, false, "smtp"],
  restricted: ["risky / low_deliverability", "unknown / antispam_system", 4, false, "smtp"],
  possible_typo: ["risky / low_quality", "invalid / possible_typo", 4, false, null],
  blocked_by_rule: FORBIDDEN,
  suppressed: FORBIDDEN,
  syntax_invalid: SYNTAX,
  provider_syntax_invalid: SYNTAX,
  domain_not_found: DOMAIN,
  domain_dead: DOMAIN,
  null_mx: NO_MAIL,
  no_mail_host: NO_MAIL,
  mx_parked: ["risky / low_quality", "invalid / does_not_accept_mail", 1, false, "domain"],
  unroutable_ip: ["undeliverable / invalid_domain", "invalid / unroutable_ip_address", 1, false, "domain"],
  mailbox_not_found: MAILBOX,
  mailbox_disabled: MAILBOX,
  smtputf8_unsupported: MAILBOX,
  greylisted: ["unknown / unavailable_smtp", "unknown / greylisted", 4, null, null],
  temporary_error: LATER,
  relay_denied: LATER,
  inconsistent: LATER,
  timeout: TIMEOUT,
  dns_error: TIMEOUT,
  connect_failed: ["unknown / no_connect", "unknown / failed_smtp_connection", 4, null, null],
  disconnected: ["unknown / unavailable_smtp", "unknown / forcible_disconnect", 4, null, null],
  protocol_error: ODD,
  tls_required: ODD,
  opted_out: REFUSED_US,
  provider_unverifiable: REFUSED_US,
  probe_blocklisted: REFUSED_US,
  rdns_required: REFUSED_US,
  helo_rejected: REFUSED_US,
  sender_rejected: REFUSED_US,
  rate_limited: REFUSED_US,
  policy_rejected: REFUSED_US,
  port25_blocked: REFUSED_US,
  no_probe_available: REFUSED_US,
  not_checked: ["unknown / unavailable_smtp", "unknown / ", 4, null, null],
};

const sandbox = (reason: Reason): Verdict => {
  const verdict = sandboxVerdict(`${reason.replaceAll("_", "-")}@sandbox.test`, NOW_MS);
  if (verdict === null) throw new Error(`no sandbox address for ${reason}`);
  return verdict;
};

const failingChecks = (verdict: Verdict): string[] =>
  Object.entries(legacyView(verdict, 1).checks)
    .filter(([, check]) => check.valid === false)
    .map(([name]) => name);

describe.each(REASONS)("%s", (reason) => {
  const verdict = sandbox(reason);
  const [kickbox, zeroBounce, neverBounce, legacy, failing] = TABLE[reason];

  test("in Kickbox's words", () => {
    const view = kickboxView(verdict);
    expect(`${view.result} / ${view.reason}`).toBe(kickbox);
    expect(view.sendex).toBe(verdict.score / 100);
  });

  test("in Emailable's words", () => {
    const view = emailableView(verdict, 0.5);
    expect(`${view.state} / ${view.reason}`).toBe(kickbox.replace("invalid_smtp", "unavailable_smtp"));
  });

  test("in ZeroBounce's words", () => {
    const view = zeroBounceView(verdict);
    expect(`${view.status} / ${view.sub_status}`).toBe(zeroBounce);
  });

  test("in NeverBounce's words", () => {
    expect(NEVERBOUNCE_CODES[neverBounceView(verdict, 5).result]).toBe(neverBounce);
  });

  test("in the legacy shape", () => {
    expect(legacyView(verdict, 12).valid).toBe(legacy);
    expect(failingChecks(verdict)).toEqual(failing === null ? [] : [failing]);
  });
});

describe("role addresses", () => {
  const role = (answer: "yes" | "no") =>
    decide(
      evidenceOf({
        facts: factsOf({ flags: { role: true } }),
        findings: [found("accepted", { reply: replyOf(250, null, "Ok") })],
        catchAll: { answer, confidence: 0.97 },
        mx: "mx.example.net",
      }),
      { roleIsRisky: false },
      NOW_MS,
    );

  test("accepted ones are of low quality, not to be mailed, or valid with a flag", () => {
    const verdict = role("no");
    expect(kickboxView(verdict)).toMatchObject({ result: "risky", reason: "low_quality", role: true });
    expect(zeroBounceView(verdict)).toMatchObject({ status: "do_not_mail", sub_status: "role_based" });
    expect(neverBounceView(verdict, 1)).toMatchObject({
      result: "valid",
      flags: expect.arrayContaining(["role_account"]),
    });
    expect(legacyView(verdict, 1).valid).toBe(true);
    expect(failingChecks(verdict)).toEqual(["type"]);
  });

  test("ones on a catch-all domain have a ZeroBounce word of their own", () => {
    const verdict = role("yes");
    expect(kickboxView(verdict)).toMatchObject({ result: "risky", reason: "low_deliverability", accept_all: true });
    expect(zeroBounceView(verdict)).toMatchObject({ status: "do_not_mail", sub_status: "role_based_catch_all" });
    expect(legacyView(verdict, 1).valid).toBe(true);
  });
});

describe("the legacy shape", () => {
  test("carries the reply, the MX and what is known of the mailbox", () => {
    const view = legacyView(sandbox("mailbox_not_found"), 42);
    expect(view).toMatchObject({
      valid: false,
      mailbox_exists: false,
      smtp_response: "550 5.1.1 User unknown",
      mx_records: ["mx.sandbox.test"],
      validation_time_ms: 42,
    });
    expect(legacyView(sandbox("accepted"), 1, ["a.example", "b.example"])).toMatchObject({
      mailbox_exists: true,
      mx_records: ["a.example", "b.example"],
    });
    expect(legacyView(sandbox("catch_all"), 1).mailbox_exists).toBeNull();
    expect(legacyView(sandbox("mailbox_full"), 1).mailbox_exists).toBe(true);
  });

  test("leaves checks behind a failed one open", () => {
    const { checks } = legacyView(sandbox("syntax_invalid"), 1);
    expect([checks.domain.valid, checks.type.valid, checks.catchall.valid, checks.smtp.valid]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});
