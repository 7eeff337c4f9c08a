import { describe, expect, test } from "vitest";
import { decide, emptyEvidence } from "../../../shared/verdict/decide.ts";
import { decidableAtEdge } from "../../../shared/verdict/reasons.ts";
import type { Evidence } from "../../../shared/verdict/types.ts";
import { brokenFacts, evidenceOf, factsOf, found, NOW_MS, replyOf, specialUseFacts } from "./fixtures.ts";

const PLAIN = { roleIsRisky: false };
const verdictOf = (change: Partial<Evidence>) => decide(evidenceOf(change), PLAIN, NOW_MS);
const NO_CATCH_ALL = { answer: "no", confidence: 0.97 } as const;
const CATCH_ALL = { answer: "yes", confidence: 0.9 } as const;

describe("what the text decides", () => {
  test("a broken address is syntax_invalid and tells where and why", () => {
    const verdict = decide(emptyEvidence(brokenFacts(), "edge"), PLAIN, NOW_MS);
    expect(verdict).toMatchObject({ status: "undeliverable", reason: "syntax_invalid" });
    expect(verdict.evidence).toMatchObject({ rule: "no-at", detail: "There is no @. (at 3)" });
  });

  test("a special-use domain is domain_not_found with its own detail", () => {
    const verdict = decide(emptyEvidence(specialUseFacts(), "edge"), PLAIN, NOW_MS);
    expect(verdict.reason).toBe("domain_not_found");
    expect(verdict.evidence.detail).toContain("special-use");
  });

  test("a literal that is not public is unroutable_ip", () => {
    expect(verdictOf({ facts: factsOf({ literalRoutable: false }) }).reason).toBe("unroutable_ip");
  });

  test("a literal that is public is left to the mail host", () => {
    expect(verdictOf({ facts: factsOf({ literalRoutable: true }) }).reason).toBe("not_checked");
  });

  test("an ordinary address that nobody was asked about is not_checked", () => {
    expect(decide(emptyEvidence(factsOf(), "edge"), PLAIN, NOW_MS)).toMatchObject({
      status: "unknown",
      reason: "not_checked",
      safe_to_send: false,
    });
  });

  test("role, free, tagged, no-reply and relay addresses are flags and no status", () => {
    const flags = { role: true, free: true, tagged: true, no_reply: true, privacy_relay: true };
    const verdict = verdictOf({ facts: factsOf({ flags }), findings: [found("accepted")], catchAll: NO_CATCH_ALL });
    expect(verdict).toMatchObject({ status: "deliverable", reason: "accepted" });
    expect(verdict.flags).toMatchObject(flags);
  });

  test("role_is_risky changes the status and keeps the reason", () => {
    const evidence = evidenceOf({
      facts: factsOf({ flags: { role: true } }),
      findings: [found("accepted")],
      catchAll: NO_CATCH_ALL,
    });
    const verdict = decide(evidence, { roleIsRisky: true }, NOW_MS);
    expect(verdict).toMatchObject({ status: "risky", reason: "accepted", safe_to_send: false });
    expect(verdict.score).toBeLessThanOrEqual(79);
  });
});

describe("tenant rules", () => {
  const allow = { id: "r1", kind: "allow" } as const;
  const block = { id: "r2", kind: "block" } as const;

  test("a block rule decides before everything but syntax", () => {
    const verdict = verdictOf({ tenantRule: block, findings: [found("accepted")], catchAll: NO_CATCH_ALL });
    expect(verdict).toMatchObject({ status: "risky", reason: "blocked_by_rule", score: 0 });
    expect(verdict.evidence.rule).toBe("r2");
  });

  test("an allow rule takes away disposable and possible_typo", () => {
    const facts = factsOf({ flags: { disposable: true }, typosquat: true });
    const verdict = verdictOf({ facts, tenantRule: allow, findings: [found("accepted")], catchAll: NO_CATCH_ALL });
    expect(verdict.reason).toBe("accepted");
    expect(verdict.flags.disposable).toBe(true);
  });

  test.each(["mailbox_not_found", "null_mx", "domain_not_found"] as const)(
    "an allow rule does not override %s",
    (reason) => {
      expect(verdictOf({ tenantRule: allow, findings: [found(reason)] }).reason).toBe(reason);
    },
  );
});

describe("possible_typo", () => {
  const facts = factsOf({ didYouMean: "ann@gmail.com" });
  test("a suggestion alone is no reason", () => {
    const verdict = verdictOf({ facts, findings: [found("accepted")], catchAll: NO_CATCH_ALL });
    expect(verdict).toMatchObject({ reason: "accepted", did_you_mean: "ann@gmail.com" });
  });
  test("a suggestion on a catch-all domain is one", () => {
    expect(verdictOf({ facts, findings: [found("accepted")], catchAll: CATCH_ALL }).reason).toBe("possible_typo");
  });
  test("a suggestion on a parked domain is one, behind mx_parked", () => {
    expect(verdictOf({ facts, parked: true }).reasons).toEqual(["mx_parked", "possible_typo"]);
  });
  test("a known typosquat is one by itself", () => {
    expect(verdictOf({ facts: factsOf({ typosquat: true }) }).reason).toBe("possible_typo");
  });
});

describe("what a 250 is worth", () => {
  const accepted = [found("accepted", { reply: replyOf(250, "2.1.5", "Ok") })];
  test.each([
    ["accepted", NO_CATCH_ALL, false],
    ["accepted", NO_CATCH_ALL, true],
    ["catch_all", CATCH_ALL, false],
    ["gateway_protected", CATCH_ALL, true],
    ["unconfirmed", null, false],
    ["gateway_protected", null, true],
    ["unconfirmed", { answer: "unknown", confidence: 0.5 }, false],
    ["unconfirmed", { answer: "yes", confidence: 0.79 }, false],
    ["unconfirmed", { answer: "no", confidence: 0.79 }, false],
    ["accepted", { answer: "no", confidence: 0.8 }, false],
  ] as const)("%s with control %j, accepts then bounces: %s", (reason, catchAll, acceptsThenBounces) => {
    const verdict = verdictOf({ findings: accepted, catchAll, acceptsThenBounces });
    expect(verdict.reason).toBe(reason);
    expect(verdict.evidence).toMatchObject({ code: 250, rule: "test-accepted" });
  });

  test("a recipient refused on a catch-all domain stays undeliverable", () => {
    const verdict = verdictOf({ findings: [found("mailbox_not_found")], catchAll: CATCH_ALL });
    expect(verdict).toMatchObject({ status: "undeliverable", reason: "mailbox_not_found" });
  });
});

describe("several findings", () => {
  test("a later answer about the recipient replaces an earlier one", () => {
    const verdict = verdictOf({
      findings: [found("mailbox_not_found"), found("accepted")],
      catchAll: NO_CATCH_ALL,
    });
    expect(verdict.reasons).toEqual(["accepted"]);
  });

  test("trouble never replaces an answer", () => {
    const verdict = verdictOf({ findings: [found("mailbox_not_found"), found("timeout"), found("rate_limited")] });
    expect(verdict.reason).toBe("mailbox_not_found");
    expect(verdict.reasons).toEqual(["mailbox_not_found", "timeout", "rate_limited"]);
  });

  test("the flags of a replaced answer go with it", () => {
    const verdict = verdictOf({
      findings: [found("mailbox_full", { flags: ["mailbox_full"] }), found("accepted")],
      catchAll: NO_CATCH_ALL,
    });
    expect(verdict.flags.mailbox_full).toBe(false);
  });

  test("hosts that disagree in the end replace what each of them said", () => {
    const findings = [found("accepted"), found("mailbox_not_found"), found("inconsistent")];
    expect(verdictOf({ findings, catchAll: NO_CATCH_ALL }).reasons).toEqual(["inconsistent"]);
  });

  test("trouble on our side alone is unknown", () => {
    expect(verdictOf({ findings: [found("probe_blocklisted")] }).status).toBe("unknown");
  });
});

describe("what a verdict carries", () => {
  test("addresses are taken out of the evidence", () => {
    const reply = replyOf(550, "5.1.1", "<ann@example.net>: Recipient address rejected: User unknown");
    const verdict = verdictOf({ findings: [found("mailbox_not_found", { reply })] });
    expect(verdict.evidence.text).toBe("<[address]>: Recipient address rejected: User unknown");
  });

  test("retry_after is in whole seconds, rounded up", () => {
    expect(verdictOf({ findings: [found("greylisted", { retryAfterMs: 360_001 })] }).retry_after).toBe(361);
    expect(verdictOf({ findings: [found("mailbox_not_found")] }).retry_after).toBeNull();
  });

  test("the flags of the deciding reply are set", () => {
    const finding = found("accepted", { flags: ["forwarded"] });
    expect(verdictOf({ findings: [finding], catchAll: NO_CATCH_ALL }).flags).toMatchObject({
      forwarded: true,
      exists: true,
    });
  });

  test("email is the input and the time is UTC", () => {
    const verdict = verdictOf({ facts: factsOf({ input: "Ann@Example.NET" }) });
    expect(verdict.email).toBe("Ann@Example.NET");
    expect(verdict.checked_at).toBe(new Date(NOW_MS).toISOString());
  });

  test("an accepted no-reply address is not safe to send to", () => {
    const change = { findings: [found("accepted")], catchAll: NO_CATCH_ALL };
    expect(verdictOf(change).safe_to_send).toBe(true);
    expect(verdictOf({ ...change, facts: factsOf({ flags: { no_reply: true } }) }).safe_to_send).toBe(false);
  });
});

describe("decidableAtEdge", () => {
  const allow = { id: "r1", kind: "allow" } as const;
  const block = { id: "r2", kind: "block" } as const;
  const disposable = factsOf({ flags: { disposable: true } });
  test.each([
    ["broken syntax", brokenFacts(), null, false, true],
    ["broken syntax with an allow rule", brokenFacts(), allow, false, true],
    ["special use", specialUseFacts(), null, false, true],
    ["private literal", factsOf({ literalRoutable: false }), null, false, true],
    ["public literal", factsOf({ literalRoutable: true }), null, false, false],
    ["block rule", factsOf(), block, false, true],
    ["allow rule", factsOf(), allow, false, false],
    ["suppressed", factsOf(), null, true, true],
    ["disposable", disposable, null, false, true],
    ["allowed disposable", disposable, allow, false, false],
    ["ordinary", factsOf(), null, false, false],
    ["typosquat", factsOf({ typosquat: true }), null, false, false],
  ] as const)("%s", (_name, facts, rule, suppressed, expected) => {
    expect(decidableAtEdge(facts, rule, suppressed)).toBe(expected);
  });

  test("what is decidable is never answered not_checked", () => {
    for (const facts of [brokenFacts(), specialUseFacts(), disposable, factsOf({ literalRoutable: false })]) {
      expect(decide(emptyEvidence(facts, "edge"), PLAIN, NOW_MS).reason).not.toBe("not_checked");
    }
  });
});
