import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressFacts } from "../../../shared/address/facts.ts";
import { canonicalForm } from "../../../shared/address/forms.ts";
import { type Address, parseAddress } from "../../../shared/address/parse.ts";

/** Inputs in all; ADDRESS_PROPERTY_RUNS raises it (1000000 for a long look). */
const RUNS = Number(process.env.ADDRESS_PROPERTY_RUNS ?? 100_000);
const SEED = 20_261_120;

const seeds = [
  "anna@example.org",
  '"an na\\"@"@x.org',
  "jörg@bücher.example",
  "a@[IPv6:2001:db8::192.0.2.1]",
  "first.last+tag@sub.domain.co.uk",
  "用户@例子.广告",
  "x@xn--bcher-kva.example",
];

const pieces = fc.constantFrom(
  ...'@@@..--""\\\\[]()<>+,;: \t\r\n\0aZ09_%!#',
  "xn--",
  "ü",
  "o\u0308",
  "ß",
  "\u200d",
  "\u0640",
  "א",
  "۱",
  "\ud83d",
  "😀",
  "。",
  "IPv6:",
  "::",
  "gmail.com",
  "mailto:",
);

/** Real addresses with pieces cut out and put in. */
const mutated = fc
  .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(40), fc.nat(3), pieces), { maxLength: 5 }))
  .map(([seed, edits]) =>
    edits.reduce((text, [at, cut, piece]) => text.slice(0, at) + piece + text.slice(at + cut), seed),
  );

const anything = fc.oneof(
  { weight: 6, arbitrary: mutated },
  { weight: 3, arbitrary: fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
);

const check = (share: number, property: (input: string) => void): void => {
  fc.assert(fc.property(anything, property), { seed: SEED, numRuns: Math.ceil(RUNS * share) });
};

const parsed = (input: string): Address | null => {
  const result = parseAddress(input);
  return result.ok ? result.value : null;
};

describe("the parser, for any input", () => {
  test("never throws; a fault has a rule, a message and a place inside the trimmed input", () => {
    check(0.4, (input) => {
      const result = parseAddress(input, { displayName: true, mailto: true });
      if (result.ok) return;
      expect(result.error.rule).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(result.error.message).toMatch(/[.?]$/);
      const inside = result.error.position >= 0 && result.error.position <= input.trim().length;
      expect(inside || result.error.rule === "too-long").toBe(true);
    });
  });

  test("accepts what it prints, and prints it the same again", () => {
    let accepted = 0;
    check(0.4, (input) => {
      const first = parsed(input);
      if (first === null) return;
      accepted++;
      const second = parsed(first.normalised);
      expect(second).toEqual({ ...first, input: first.normalised });
      expect(parsed(`${first.local}@${first.unicodeDomain}`)?.domain).toBe(first.domain);
    });
    expect(accepted).toBeGreaterThan(RUNS / 50);
  });

  test("what it accepts holds no control character, no space outside quotes, and fits the limits", () => {
    check(0.1, (input) => {
      const address = parsed(input);
      if (address === null) return;
      expect(address.normalised).not.toMatch(/\p{Cc}/u);
      expect(Buffer.byteLength(address.local)).toBeLessThanOrEqual(64);
      expect(Buffer.byteLength(address.normalised)).toBeLessThanOrEqual(254);
      if (!address.quoted) expect(address.normalised).not.toMatch(/\s/);
    });
  });

  test("facts never throw, and the canonical form is an address of its own form", () => {
    check(0.1, (input) => {
      const facts = addressFacts(input);
      expect(facts.address === null).toBe(facts.error !== null);
      if (facts.address === null) return;
      const canonical = parsed(canonicalForm(facts.address));
      expect(canonical).not.toBeNull();
      if (canonical !== null) expect(canonicalForm(canonical)).toBe(canonicalForm(facts.address));
    });
  });
});
