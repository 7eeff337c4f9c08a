import { describe, expect, test } from "vitest";
import { parseAddress } from "../../../shared/address/parse.ts";

const rule = (input: string): string => {
  const parsed = parseAddress(input);
  return parsed.ok ? "ok" : `${parsed.error.rule}@${parsed.error.position}`;
};

const address = (input: string, options?: { displayName?: boolean; mailto?: boolean }) => {
  const parsed = parseAddress(input, options);
  if (!parsed.ok) throw new Error(`${input}: ${parsed.error.message}`);
  return parsed.value;
};

describe("every failure names its rule and place", () => {
  test.each([
    ["", "empty@0"],
    ["   ", "empty@0"],
    ["anna", "no-at@4"],
    ["@x.org", "local-empty@0"],
    [".anna@x.org", "local-leading-dot@0"],
    ["anna.@x.org", "local-trailing-dot@4"],
    ["an..na@x.org", "local-double-dot@3"],
    ["an na@x.org", "local-space@2"],
    ["an\u0007na@x.org", "local-control@2"],
    ["an\u0000na@x.org", "local-control@2"],
    ["(c)anna@x.org", "local-comment@0"],
    ["an(c)na@x.org", "local-comment@2"],
    ['an"na@x.org', "local-quote@2"],
    ["an<na@x.org", "local-character@2"],
    ["anna\u200b@x.org", "local-invisible@4"],
    ["anna\ud800@x.org", "local-invisible@4"],
    [`${"a".repeat(65)}@x.org`, "local-too-long@64"],
    [`${"ü".repeat(33)}@x.org`, "local-too-long@33"],
    ['"anna@x.org', "local-quote-open@11"],
    ['"anna"b@x.org', "local-after-quote@6"],
    ['"an\u0009na"@x.org', "local-quoted-character@3"],
    ['"an\\ü"@x.org', "local-quoted-character@4"],
    ["anna@", "domain-empty@5"],
    ["anna@localhost", "domain-no-dot@14"],
    ["anna@.x.org", "domain-leading-dot@5"],
    ["anna@x.org.", "domain-trailing-dot@10"],
    ["anna@x..org", "domain-double-dot@7"],
    ["anna@-x.org", "domain-leading-hyphen@5"],
    ["anna@x-.org", "domain-trailing-hyphen@6"],
    ["anna@x_y.org", "domain-underscore@6"],
    ["anna@x y.org", "domain-space@6"],
    ["anna@x.org(c)", "domain-comment@10"],
    ["anna@x@y.org", "second-at@6"],
    ["anna@x.org,bert@x.org", "domain-separator@10"],
    ["anna@x=y.org", "domain-character@6"],
    [`anna@${"a".repeat(64)}.org`, "domain-label-too-long@68"],
    [`anna@${`${"a".repeat(60)}.`.repeat(4)}de.org`, "too-long@254"],
    ["anna@xn--a.org", "domain-idna@5"],
    ["anna@[1.2.3.4", "literal-open@13"],
    ["anna@[1.2.3.4]x", "literal-trailing@14"],
    ["anna@[1.2.3.400]", "literal-ipv4@6"],
    ["anna@[IPv6:1::2::3]", "literal-ipv6@6"],
    ["anna@[mail:x]", "literal-ipv4@6"],
  ])("%j: %s", (input, expected) => {
    expect(rule(input)).toBe(expected);
  });

  test("a line break inside is refused, so that no SMTP command can hide in an address", () => {
    expect(rule("a@b.org\r\nRCPT TO:<x@y.org>")).toMatch(/^domain-control@7/);
    expect(rule('"a\r\nRCPT TO:<x@y.org>"@b.org')).toMatch(/^local-quoted-character@2/);
  });
});

describe("forms", () => {
  test("white space around is dropped, the input is kept without it", () => {
    expect(address(" \tanna@x.org\r\n").input).toBe("anna@x.org");
  });

  test("the domain is lowered, the local part is not", () => {
    expect(address("Anna@X.ORG").normalised).toBe("Anna@x.org");
  });

  test("an international domain has both forms, and needs no SMTPUTF8", () => {
    const a = address("anna@BÜCHER.example.org");
    expect([a.domain, a.unicodeDomain, a.needsSmtpUtf8]).toEqual([
      "xn--bcher-kva.example.org",
      "bücher.example.org",
      false,
    ]);
    expect(address("anna@xn--bcher-kva.example.org").unicodeDomain).toBe("bücher.example.org");
  });

  test("a local part beyond ASCII is composed (NFC) and needs SMTPUTF8", () => {
    const a = address("jo\u0308rg@x.org");
    expect([a.local, a.needsSmtpUtf8]).toEqual(["jörg", true]);
  });

  test("the length is that of the composed form: 64 octets of composed letters fit although typed decomposed", () => {
    expect(address(`${"o\u0308".repeat(32)}@x.org`).local).toBe("ö".repeat(32));
  });

  test("composition cannot smuggle a separator in", () => {
    expect(rule("a\u037eb@x.org")).toBe("local-character@1"); // U+037E composes to a semicolon
  });

  test("the ideographic full stop separates labels", () => {
    expect(address("anna@例え。テスト").domain).toBe("xn--r8jz45g.xn--zckzah");
  });

  test("a quoted local part keeps its quotes", () => {
    const a = address('"an na@"@x.org');
    expect([a.local, a.quoted, a.normalised]).toEqual(['"an na@"', true, '"an na@"@x.org']);
  });

  test("an address literal is flagged and spelt one way", () => {
    expect(address("anna@[192.000.2.1]").domain).toBe("[192.0.2.1]");
    expect(address("anna@[ipv6:2001:DB8::1]")).toMatchObject({ domain: "[IPv6:2001:db8::1]", literal: true });
  });

  test.each([
    ["anna@x.test", "test"],
    ["anna@example.com", "example.com"],
    ["anna@mail.example.org", "example.org"],
    ["anna@box.local", "local"],
    ["anna@abc.onion", "onion"],
    ["anna@host.home.arpa", "home.arpa"],
    ["anna@1.2.3.4", "numeric-tld"],
    ["anna@counterexample.com", null],
    ["anna@test.de", null],
  ])("%s: special use %s", (input, expected) => {
    expect(address(input).specialUse).toBe(expected);
  });
});

describe("what may surround an address is a choice of the caller", () => {
  test.each(["Anna <anna@x.org>", "<anna@x.org>", "mailto:anna@x.org"])("%s is refused by default", (input) => {
    expect(parseAddress(input).ok).toBe(false);
  });

  test.each([
    ["Anna Berg <anna@x.org>", "anna@x.org"],
    ['"Berg, Anna <the first>" <anna@x.org>', "anna@x.org"],
    ["<anna@x.org>", "anna@x.org"],
    ["anna@x.org", "anna@x.org"],
  ])("a display name: %s", (input, expected) => {
    expect(address(input, { displayName: true })).toMatchObject({ input, normalised: expected });
  });

  test("a list of addresses is not a display name", () => {
    expect(parseAddress("a@x.org, b <b@x.org>", { displayName: true })).toMatchObject({
      error: { rule: "display-name" },
    });
  });

  test("a fault inside angle brackets is placed in the whole input", () => {
    expect(parseAddress("Anna <an na@x.org>", { displayName: true })).toMatchObject({
      error: { rule: "local-space", position: 8 },
    });
  });

  test.each([
    ["mailto:anna@x.org", "anna@x.org"],
    ["MAILTO:anna%2Bnews@x.org?subject=hello", "anna+news@x.org"],
    ["mailto:j%C3%B6rg@x.org", "jörg@x.org"],
  ])("a mailto link: %s", (input, expected) => {
    expect(address(input, { mailto: true }).normalised).toBe(expected);
  });

  test.each(["mailto:a%zz@x.org", "mailto:a%ff@x.org", "mailto:", "mailto:?to=a@x.org"])("%s is a fault", (input) => {
    expect(parseAddress(input, { mailto: true }).ok).toBe(false);
  });
});
