import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { findingOf } from "../../../shared/reply/contrast.ts";
import { mayAskElsewhere } from "../../../shared/reply/second-opinion.ts";
import type { Finding } from "../../../shared/verdict/types.ts";
import type { Stage } from "../../../shared/verdict/vocabulary.ts";

/** The finding that a reply makes, as the prober reads it. */
function heard(line: string, stage: Stage = "rcpt"): Finding {
  const [, code = "", enhanced, text = ""] = /^(\d{3}) (?:(\d\.\d+\.\d+) )?(.*)$/.exec(line) ?? [];
  const reply = { code: Number(code), enhanced: enhanced ?? null, text, stage, host: "mx.example" };
  return findingOf(classifyReply(reply), reply);
}
const bare = (reason: Finding["reason"], rule: string): Finding => ({
  reason,
  rule,
  reply: null,
  retryAfterMs: null,
  flags: [],
});
const unreachable = bare("connect_failed", "connect-timeout");

/** MAIL.md 4: what is about where we come from. */
const ABOUT_US = [
  heard("550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org"),
  heard("521 5.3.2 Service currently unavailable", "banner"),
  heard("550 5.7.25 The IP address sending this message does not have a PTR record setup"),
  heard("550 Your geographical location is not served"),
  heard("554 no SMTP service here", "banner"),
  unreachable,
  bare("connect_failed", "connect-failed"),
  bare("policy_rejected", "blanket-refusal"),
];

/** What is an answer, or a deliberate refusal. */
const LEAVE_IT = [
  heard("550 5.7.1 Directory harvest attack detected"),
  heard("421 4.7.1 Email verification services are not welcome"),
  heard("550 5.1.1 User unknown"),
  heard("250 2.1.5 Ok"),
  heard("452 4.5.3 Too many recipients"),
  heard("554 5.7.1 <user@example.com>: Relay access denied"),
  heard("550 5.7.1 Too many invalid recipients"),
  bare("opted_out", "opt-out-record"),
  bare("provider_unverifiable", "provider-policy"),
  bare("port25_blocked", "nobody-reached"),
  bare("rate_limited", "paused"),
];

describe("a second opinion", () => {
  test.each(ABOUT_US.map((finding) => [finding.rule, finding] as const))("may be had after %s", (_rule, finding) => {
    expect(mayAskElsewhere([finding])).toBe(true);
  });

  test.each(LEAVE_IT.map((finding) => [finding.rule, finding] as const))("is never had after %s", (_rule, finding) => {
    expect(mayAskElsewhere([finding])).toBe(false);
  });

  test("is not had about trouble that any network would meet, or about nothing", () => {
    const trouble = [
      bare("timeout", "timeout-rcpt"),
      bare("disconnected", "closed-rcpt"),
      heard("451 4.3.0 Try later"),
    ];
    expect(mayAskElsewhere(trouble)).toBe(false);
    expect(mayAskElsewhere([])).toBe(false);
    expect(mayAskElsewhere([...trouble, unreachable])).toBe(true);
  });

  test("is not had when one host of several has said no on purpose, wherever it comes in the search", () => {
    const some = fc.array(fc.constantFrom(...ABOUT_US), { maxLength: 4 });
    fc.assert(
      fc.property(some, fc.constantFrom(...LEAVE_IT), some, (before, no, after) => {
        expect(mayAskElsewhere([...before, no, ...after])).toBe(false);
      }),
      { seed: 7 },
    );
  });
});
