import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Address, parseAddress } from "../../../shared/address/parse.ts";
import { compilePattern, matchesPattern } from "../../../shared/rules/pattern.ts";
import { compileRules, matchRule, type Rule, validateRule } from "../../../shared/rules/rules.ts";

const read = (input: string): Address => {
  const parsed = parseAddress(input);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};

let count = 0;
const rule = (kind: Rule["kind"], match: Rule["match"], value: string): Rule => ({
  id: `r${count++}`,
  kind,
  match,
  value,
});

const winner = (input: string, ...rules: Rule[]): string | null => {
  const found = matchRule(compileRules(rules), read(input));
  return found === null ? null : `${found.kind} ${found.value}`;
};

const matches = (pattern: string, text: string): boolean => {
  const compiled = compilePattern(pattern);
  if (!compiled.ok) throw new Error(compiled.error);
  return matchesPattern(compiled.value, text);
};

describe("which rule decides", () => {
  test("an address matches in any case and in any spelling of its domain", () => {
    expect(winner("Anna@BÜCHER.de", rule("block", "address", "anna@xn--bcher-kva.de"))).toBe(
      "block anna@xn--bcher-kva.de",
    );
    expect(winner("anna+x@x.org", rule("block", "address", "anna@x.org"))).toBeNull();
  });

  test("a domain matches itself and names below it, not names that end alike", () => {
    const block = rule("block", "domain", "example.com");
    expect([winner("a@example.com", block), winner("a@sub.example.com", block)]).not.toContain(null);
    expect(winner("a@notexample.com", block)).toBeNull();
  });

  test("the more specific wins whatever its kind", () => {
    const pattern = rule("block", "pattern", "x");
    const domain = rule("allow", "domain", "x.org");
    const below = rule("block", "domain", "sub.x.org");
    const address = rule("allow", "address", "anna@sub.x.org");
    expect(winner("a@x.org", pattern, domain)).toBe("allow x.org");
    expect(winner("a@sub.x.org", pattern, domain, below)).toBe("block sub.x.org");
    expect(winner("anna@sub.x.org", pattern, domain, below, address)).toBe("allow anna@sub.x.org");
  });

  test("between equals a block wins", () => {
    expect(winner("a@x.org", rule("allow", "domain", "x.org"), rule("block", "domain", "x.org"))).toBe("block x.org");
    expect(winner("a@x.org", rule("allow", "pattern", "a@"), rule("block", "pattern", "x"))).toBe("block x");
  });

  test("a pattern sees both forms of an international domain", () => {
    expect(winner("a@bücher.de", rule("block", "pattern", "@bücher"))).toBe("block @bücher");
    expect(winner("a@bücher.de", rule("block", "pattern", "@xn--"))).toBe("block @xn--");
  });

  test("no rules, no match", () => {
    expect(winner("a@x.org")).toBeNull();
  });
});

describe("a rule's value", () => {
  test.each([
    ["address", " Anna@X.org ", "anna@x.org"],
    ["domain", "@Example.COM", "example.com"],
    ["domain", "*.bücher.de", "xn--bcher-kva.de"],
    ["pattern", "^temp\\d+@", "^temp\\d+@"],
  ] as const)("%s %j is kept as %s", (match, value, kept) => {
    expect(validateRule(rule("block", match, value))).toMatchObject({ ok: true, value: { value: kept } });
  });

  test.each([
    ["address", "anna"],
    ["domain", "com"],
    ["domain", "ex ample.com"],
    ["pattern", ""],
    ["pattern", "(a"],
    ["pattern", "a)"],
    ["pattern", "[a"],
    ["pattern", "*a"],
    ["pattern", "a**"],
    ["pattern", "a{2"],
    ["pattern", "a{3,2}"],
    ["pattern", "(?=a)"],
    ["pattern", "(?<n>a)"],
    ["pattern", "\\1"],
    ["pattern", "\\b"],
    ["pattern", "a\\"],
    ["pattern", "[z-a]"],
    ["pattern", "^*"],
    ["pattern", "((a{100}){100}){100}"],
    ["pattern", "(".repeat(50) + ")".repeat(50)],
    ["pattern", "a".repeat(201)],
  ] as const)("%s %j is refused with a sentence", (match, value) => {
    const result = validateRule(rule("block", match, value));
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.error).toMatch(/^[A-Z].*[.?]$/);
  });
});

describe("patterns", () => {
  test.each([
    ["^temp", "temp1@x.org", true],
    ["^temp", "a.temp@x.org", false],
    ["\\.ru$", "a@x.ru", true],
    ["\\.ru$", "a@x.ru.com", false],
    ["^[^@]{1,2}@", "ab@x.org", true],
    ["^[^@]{1,2}@", "abc@x.org", false],
    ["@(mail|post)\\.(de|at)$", "a@post.at", true],
    ["TEMP", "temp@x.org", true],
    ["[A-C]@", "b@x.org", true],
    ["^a.?b@", "a-b@x.org", true],
    ["^\\w+@", "a-b@x.org", false],
    ["^\\D+$", "a1@x.org", false],
    ["^(a|)b@", "b@x.org", true],
    ["[]a]@", "]@", true],
    ["[a-]@", "-@", true],
    ["^ü", "ü@x.org", true],
  ])("%s on %s: %s", (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  test("agrees with the language's own engine on every pattern both can read", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      ".",
      "[ab]",
      "[^a]",
      "\\d",
      "\\W",
      "(a|b)",
      "(?:ab)",
      "(a*)",
      "(|b)",
      "^",
      "$",
    );
    const part = fc.tuple(atom, fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "*?"));
    const pattern = fc
      .array(part, { minLength: 1, maxLength: 6 })
      .map((parts) => parts.map(([a, times]) => (a === "^" || a === "$" ? a : a + times)).join(""));
    const text = fc.string({ unit: fc.constantFrom("a", "b", "1", "@", "."), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (source, input) => {
        expect(matches(source, input)).toBe(new RegExp(source, "i").test(input));
      }),
      { seed: 11, numRuns: 3_000 },
    );
  });

  test("a pattern that makes backtracking engines hang answers within its steps", () => {
    expect(matches("^(a+)+(a|aa)+(a*)*$", `${"a".repeat(250)}@`)).toBe(false);
  });
});
