import { describe, expect, test } from "vitest";
import { readAddress } from "../../../edge/verify/text.ts";
import { compileRules, type Rule } from "../../../shared/rules/rules.ts";

const NOW = Date.UTC(2026, 10, 20);

function policy(...rules: Omit<Rule, "id">[]) {
  return { rules: compileRules(rules.map((rule, i) => ({ id: `r${i}`, ...rule }))), roleIsRisky: false };
}

const reasonOf = (email: string, ...rules: Omit<Rule, "id">[]) =>
  readAddress(email, "full", policy(...rules), NOW).verdict?.reason ?? null;

describe("the text alone decides", () => {
  test.each([
    ["nonsense", "syntax_invalid"],
    [`${"a".repeat(100_000)}@corp-mail.net`, "syntax_invalid"],
    ["someone@mailinator.com", "disposable"],
    ["someone@corp-mail.net", null],
  ])("%.30s: %s", (email, reason) => {
    expect(reasonOf(email)).toBe(reason);
  });

  test("what the tenant blocks, and not what it allows", () => {
    expect(reasonOf("a@corp-mail.net", { kind: "block", match: "domain", value: "corp-mail.net" })).toBe(
      "blocked_by_rule",
    );
    expect(reasonOf("a@mailinator.com", { kind: "allow", match: "address", value: "a@mailinator.com" })).toBeNull();
  });

  test("in mode edge everything, with not_checked where only a host could tell", () => {
    const read = readAddress("someone@corp-mail.net", "edge", policy(), NOW);
    expect(read.verdict).toMatchObject({ status: "unknown", reason: "not_checked" });
  });
});
