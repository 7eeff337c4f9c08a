import { describe, expect, test } from "vitest";
import { canonicalForm, tagOf } from "../../../shared/address/forms.ts";
import { type Address, parseAddress } from "../../../shared/address/parse.ts";

const read = (input: string): Address => {
  const parsed = parseAddress(input);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};

describe("the canonical form", () => {
  test.each([
    ["Jo.Hn+news@GoogleMail.com", "john@gmail.com"],
    ["jo.hn@outlook.com", "jo.hn@outlook.com"],
    ["john+a@hotmail.com", "john@hotmail.com"],
    ["base-keyword@yahoo.com", "base@yahoo.com"],
    ["mary-ann@example.de", "mary-ann@example.de"],
    ["john@me.com", "john@icloud.com"],
    ["jo-h_n.+x@pm.me", "john@proton.me"],
    ["vasya.pupkin@ya.ru", "vasya-pupkin@yandex.ru"],
    ["shop@anna.fastmail.com", "anna@fastmail.com"],
    ["Anna+tag@Example.de", "anna@example.de"],
    ['"anna"@example.de', "anna@example.de"],
    ['"an na"@example.de', '"an na"@example.de'],
    ["-a-@proton.me", "a@proton.me"],
    ["---@proton.me", "---@proton.me"],
    ["anna.+x@example.de", "anna@example.de"],
  ])("%s is %s", (input, expected) => {
    expect(canonicalForm(read(input))).toBe(expected);
  });

  test("Outlook counts dots, so that two people are not taken for one", () => {
    expect(canonicalForm(read("a.b@outlook.com"))).not.toBe(canonicalForm(read("ab@outlook.com")));
  });
});

describe("the tag", () => {
  test.each([
    ["anna+news@example.de", "news"],
    ["anna+a+b@example.de", "a+b"],
    ["anna+@example.de", ""],
    ["+anna@example.de", null],
    ["anna-news@example.de", null],
    ["anna-news@yahoo.com", "news"],
    ['"anna+news"@example.de', "news"],
    ['"an na+news"@example.de', null],
  ])("%s: %s", (input, expected) => {
    expect(tagOf(read(input))).toBe(expected);
  });
});
