import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  consumerDomains,
  isDisposableDomain,
  isDisposableMxHost,
  isFreeDomain,
  isParkingHost,
  isParkingNameServer,
  isPrivacyRelay,
  LIST_SOURCES,
  loadLists,
  providerOfDomain,
} from "../../../shared/lists/lists.ts";

const require = createRequire(import.meta.url);
const LISTS = join(import.meta.dirname, "../../../dev/lists");

const share = (names: readonly string[]): number => names.filter(isDisposableDomain).length / names.length;

describe("disposable domains", () => {
  test("more than a hundred thousand are known, from named sources", () => {
    expect(loadLists().disposable).toBeGreaterThan(100_000);
    expect(LIST_SOURCES.length).toBeGreaterThan(6);
    for (const { name, version } of LIST_SOURCES) expect(`${name} ${version}`).toMatch(/^\S+ \d/);
  });

  test("99 of 100 names of three independent lists are found", () => {
    const mailchecker = [...(require("mailchecker") as { blacklist(): Iterable<string> }).blacklist()];
    const plain = require("disposable-email-domains") as string[];
    const curated = require("disposable-email-domains-js/dist/dict/disposable_email_blocklist.json") as string[];
    expect(share(mailchecker)).toBeGreaterThan(0.99);
    expect(share(plain)).toBeGreaterThan(0.99);
    expect(share(curated)).toBeGreaterThan(0.99);
  });

  test.each([
    "mailinator.com",
    "sub.mailinator.com",
    "a.b.guerrillamail.com",
    "yopmail.com",
    "10minutemail.com",
    "usa.cc",
  ])("%s is", (domain) => {
    expect(isDisposableDomain(domain)).toBe(true);
  });

  test("a free public suffix does not make its children disposable", () => {
    expect(isDisposableDomain("eu.org") && isDisposableDomain("somebody-real.eu.org")).toBe(false);
    expect(["com", "edu.pl", "com.ar", "org.ua", "co.uk", ""].filter(isDisposableDomain)).toEqual([]);
  });

  test("neither providers, nor relays, nor anything on the allow list, nor names below them", () => {
    const allowed = readFileSync(join(LISTS, "allow.txt"), "utf8")
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "")
      .filter((name) => name !== "" && !name.startsWith("#"));
    const legitimate = [...allowed, ...consumerDomains()];
    expect(legitimate.length).toBeGreaterThan(900);
    expect(legitimate.filter(isDisposableDomain)).toEqual([]);
    expect(legitimate.filter((name) => isDisposableDomain(`mail.${name}`))).toEqual([]);
  });

  test.each(
    `mit.edu harvard.edu ox.ac.uk cam.ac.uk ethz.ch tum.de uni-heidelberg.de nus.edu.sg uj.edu.pl usp.br unam.mx u-tokyo.ac.jp
    tsinghua.edu.cn iitb.ac.in kth.se uva.nl uba.ar sorbonne-universite.fr unibo.it debian.org wikipedia.org apache.org
    ibm.com siemens.com toyota.co.jp bbc.co.uk nytimes.com whitehouse.gov europa.eu who.int redcross.org asics.com
    shopify.com stripe.com slack.com zendesk.com mailgun.com sendgrid.net mailchimp.com hubspot.com google.com apple.com
    duck.com mozmail.com simplelogin.com anonaddy.com addy.io privaterelay.appleid.com passmail.net cloaked.id
    hushmail.com riseup.net tutanota.com posteo.de mailbox.org runbox.com fastmail.com zoho.com hey.com`.split(/\s+/),
  )("%s is not", (domain) => {
    expect(isDisposableDomain(domain)).toBe(false);
  });

  test("of 200000 made-up names none is taken for a member", () => {
    let state = 1;
    const letter = (): string => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return String.fromCharCode(97 + ((state >>> 16) % 26));
    };
    const names = Array.from({ length: 200_000 }, () => `${Array.from({ length: 16 }, letter).join("")}.de`);
    expect(names.filter(isDisposableDomain)).toEqual([]);
  });
});

describe("other lists", () => {
  test.each(["gmail.com", "yahoo.co.uk", "hotmail.fr", "gmx.at", "live.nl", "seznam.cz"])("%s is free", (domain) => {
    expect(isFreeDomain(domain)).toBe(true);
  });

  test("a company's domain, and a name below a free one, are not free", () => {
    expect(["siemens.com", "mail.gmail.com", "mailinator.com"].filter(isFreeDomain)).toEqual([]);
  });

  test("a consumer domain belongs to one provider, hosted business domains to none", () => {
    expect(providerOfDomain("googlemail.com")).toBe("gmail");
    expect(providerOfDomain("hotmail.co.uk")).toBe("outlook");
    expect(providerOfDomain("google.com")).toBeNull();
  });

  test("names below a relay are relays, names ending alike are not", () => {
    expect(isPrivacyRelay("anna.anonaddy.com")).toBe(true);
    expect(isPrivacyRelay("notduck.com")).toBe(false);
    expect(isPrivacyRelay("com")).toBe(false);
  });

  test("mail hosts are known in any case, with a final dot, and below a listed name", () => {
    expect(isDisposableMxHost("MX.Mail.TM.")).toBe(true);
    expect(isDisposableMxHost("aspmx.l.google.com")).toBe(false);
    expect(isParkingHost("ns1.sedoparking.com")).toBe(true);
    expect(isParkingHost("mx1.example.de")).toBe(false);
    expect(isParkingNameServer("NS1.Bodis.com.")).toBe(true);
    expect(isParkingNameServer("ns1.eftydns.com")).toBe(true);
    // A registrar's own: people who use their domain have them as well.
    expect(isParkingNameServer("ns1.dnsowl.com")).toBe(false);
  });
});
