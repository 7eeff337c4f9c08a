import { describe, expect, test } from "vitest";
import { addressFacts } from "../../../shared/address/facts.ts";

const flagsOf = (input: string): string[] =>
  Object.entries(addressFacts(input).flags)
    .filter(([, set]) => set)
    .map(([name]) => name)
    .sort();

describe("flags", () => {
  test.each([
    ["anna.berg@example.de", []],
    ["anna.berg@gmail.com", ["free"]],
    ["anna.berg+x@gmail.com", ["free", "tagged"]],
    ["x@mailinator.com", ["disposable"]],
    ["x@sub.mailinator.com", ["disposable"]],
    ["x@duck.com", ["privacy_relay"]],
    ["x@alias.anonaddy.com", ["privacy_relay"]],
    ["info@example.de", ["role"]],
    ["Kunden-Service+a@example.de", ["role", "tagged"]],
    ["no-reply@example.de", ["no_reply", "role"]],
    ["nepasrepondre@example.fr", ["no_reply"]],
    ['"sales"@example.de', ["role"]],
    ["postmaster@[8.8.8.8]", ["role"]],
  ])("%s: %j", (input, expected) => {
    expect(flagsOf(input)).toEqual(expected);
  });

  test("a person named like a word with a role in it is no role", () => {
    for (const local of ["salesh.kumar", "marketa", "informer", "anna.sales", "admiral"]) {
      expect(flagsOf(`${local}@example.de`), local).toEqual([]);
    }
  });
});

describe("what malformed input still tells", () => {
  test.each([
    ["anna@gmailcom", "anna@gmail.com"],
    ["anna@gmail,com", "anna@gmail.com"],
    ["anna@@gmail.com", "anna@gmail.com"],
    ["anna@gmail .com", "anna@gmail.com"],
    ["anna@yahoo..co.uk", "anna@yahoo.co.uk"],
    ["anna@hotmail", "anna@hotmail.com"],
    ["anna@gmial,com", "anna@gmail.com"],
    ["anna@gmail.com.", "anna@gmail.com"],
    ["anna@company", null],
    ["anna@x.org,bert@x.org", null],
    ["an na@gmail.com", null],
  ])("%s: %s", (input, expected) => {
    const facts = addressFacts(input);
    expect(facts.error).not.toBeNull();
    expect(facts.didYouMean).toBe(expected);
  });
});

describe("address literals", () => {
  test.each([
    ["a@[8.8.8.8]", true],
    ["a@[10.0.0.1]", false],
    ["a@[127.0.0.1]", false],
    ["a@[100.64.1.1]", false],
    ["a@[172.31.255.255]", false],
    ["a@[172.32.0.1]", true],
    ["a@[192.0.2.1]", false],
    ["a@[224.0.0.1]", false],
    ["a@[255.255.255.255]", false],
    ["a@[IPv6:2606:4700::1111]", true],
    ["a@[IPv6:::1]", false],
    ["a@[IPv6:fe80::1]", false],
    ["a@[IPv6:fd00::1]", false],
    ["a@[IPv6:2001:db8::1]", false],
    ["a@[IPv6:2002:0808:0808::1]", false],
    ["a@[IPv6:::ffff:8.8.8.8]", false],
    ["a@[IPv6:64:ff9b::8.8.8.8]", false],
    ["a@example.de", null],
  ])("%s routable: %s", (input, expected) => {
    expect(addressFacts(input).literalRoutable).toBe(expected);
  });
});

describe("provider syntax", () => {
  test.each([
    ["abc@gmail.com", "provider-too-short"],
    ["first_last@gmail.com", "provider-characters"],
    ["first-last@googlemail.com", "provider-characters"],
    [`${"a".repeat(31)}@gmail.com`, "provider-too-long"],
    ["jörg.berg@gmail.com", "provider-characters"],
    ["a+b@gmail.com", "provider-too-short"],
    ["1anna@yahoo.com", "provider-characters"],
    ["an!na@hotmail.com", "provider-characters"],
    ["an#na@icloud.com", "provider-characters"],
    ["an_na@yandex.ru", "provider-characters"],
    ["first.last+anything!@gmail.com", undefined],
    [`${"a.".repeat(20)}a@gmail.com`, undefined],
    ["first-last@yahoo.com", undefined],
    ["an_na@outlook.com", undefined],
    ["an!na@example.de", undefined],
    ["a_b@gmail.com.example.de", undefined],
  ])("%s: %s", (input, expected) => {
    expect(addressFacts(input).providerError?.rule).toBe(expected);
  });
});

describe("random-looking local parts", () => {
  test.each(["xk4j9q2m7z", "qwrtzpsdfgh", "a8f3k29dk1", "zxcvbnmsdf"])("%s looks random", (local) => {
    expect(addressFacts(`${local}@example.de`).randomLooking).toBe(true);
  });

  test.each([
    "anna.berg",
    "schwarzenegger",
    "johnsmith1987",
    "customerservice",
    "491701234567",
    "kowalczyk92",
    "wright",
  ])("%s does not", (local) => {
    expect(addressFacts(`${local}@example.de`).randomLooking).toBe(false);
  });
});
