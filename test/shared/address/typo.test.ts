import { describe, expect, test } from "vitest";
import { addressFacts } from "../../../shared/address/facts.ts";
import { suggestDomain } from "../../../shared/address/typo.ts";
import { REAL_NEIGHBOURS, TYPOSQUATS } from "../../../shared/address/typo-neighbours.ts";
import { TARGETS } from "../../../shared/address/typo-targets.ts";
import { consumerDomains, providerOfDomain } from "../../../shared/lists/lists.ts";

/** Neighbours on a QWERTY keyboard, told here again so that the test does not ask the code for them. */
const KEYS: Readonly<Record<string, string>> = {
  a: "qwsz",
  b: "vghn",
  c: "xdfv",
  d: "serfcx",
  e: "wsdr",
  f: "drtgvc",
  g: "ftyhbv",
  h: "gyujnb",
  i: "ujko",
  j: "huikmn",
  k: "jiolm",
  l: "kop",
  m: "njk",
  n: "bhjm",
  o: "iklp",
  p: "ol",
  q: "wa",
  r: "edft",
  s: "awedxz",
  t: "rfgy",
  u: "yhji",
  v: "cfgb",
  w: "qase",
  x: "zsdc",
  y: "tghu",
  z: "asx",
};

/** Every single slip: a letter left out, doubled, swapped with the next, or its neighbour hit. */
function slips(domain: string): Set<string> {
  const found = new Set<string>();
  for (let i = 0; i < domain.length; i++) {
    const [here = "", next = ""] = [domain[i], domain[i + 1]];
    if (here === ".") continue;
    const put = (text: string, skip = 1): Set<string> => found.add(domain.slice(0, i) + text + domain.slice(i + skip));
    put("");
    put(here + here);
    if (next !== "." && next !== "") put(next + here, 2);
    for (const key of KEYS[here] ?? "") put(key);
  }
  found.delete(domain);
  return found;
}

describe("did you mean", () => {
  test.each([
    ["gmial.com", "gmail.com"],
    ["gmail.co", "gmail.com"],
    ["gmail.cm", "gmail.com"],
    ["gmailc.om", "gmail.com"],
    ["gnail.con", "gmail.com"],
    ["hotmail.con", "hotmail.com"],
    ["hotmial.fr", "hotmail.fr"],
    ["yaho.com", "yahoo.com"],
    ["yahoo.cmo", "yahoo.com"],
    ["yahoo.co.ku", "yahoo.co.uk"],
    ["outlok.com", "outlook.com"],
    ["iclud.com", "icloud.com"],
    ["aol.con", "aol.com"],
    ["live.cm", "live.com"],
    ["hotmail.ro", "hotmail.com"],
    ["fastmail.cm", "fastmail.com"],
    ["gmx.ent", "gmx.net"],
    ["company.con", "company.com"],
    ["uni.ogr", "uni.org"],
  ])("%s: %s", (typed, meant) => {
    expect(suggestDomain(typed)?.domain).toBe(meant);
  });

  test("the suggestion keeps the local part", () => {
    expect(addressFacts("Anna+x@gmial.com").didYouMean).toBe("Anna+x@gmail.com");
  });

  test("95 of 100 slips in the names of the hundred greatest providers are understood, names of three letters apart", () => {
    let all = 0;
    let understood = 0;
    for (const target of TARGETS.slice(0, 100)) {
      const name = target.slice(0, target.indexOf("."));
      if (name.length <= 3) continue;
      for (const typed of slips(target)) {
        if (providerOfDomain(typed) !== null || REAL_NEIGHBOURS.has(typed) || typed.startsWith(".")) continue;
        all++;
        if (suggestDomain(typed)?.domain === target) understood++;
      }
    }
    expect(understood / all).toBeGreaterThan(0.95);
  });
});

describe("real domains are left alone", () => {
  test("no provider's own domain is corrected", () => {
    expect([...consumerDomains(), ...TARGETS].filter((domain) => suggestDomain(domain) !== null)).toEqual([]);
  });

  test.each(
    `mac.com cox.net ymail.com gmx.net mail.com email.com aol.com me.com qq.com ibm.com sap.com ge.com gm.com hp.com aon.com
    siemens.com gsk.com bmw.de vw.de mit.edu ox.ac.uk ethz.ch yale.edu tum.de kth.se life.com line.com mall.com soho.com
    fox.com cbs.com cnn.com ups.com dhl.com mail.de email.ru hotels.com oracle.com cisco.com tesla.com adobe.com zoom.us
    verizon.com comcast.com charter.com att.com yahooinc.com google.com microsoft.com apple.com cloud.com pcloud.com
    globe.com june.com never.com tim.it free.de alice.com orange.com live.net proton.com`.split(/\s+/),
  )("%s", (domain) => {
    expect(suggestDomain(domain)).toBeNull();
  });
});

describe("typosquats", () => {
  test("each is a slip in a great provider's name and is said to be known", () => {
    const unclear = [...TYPOSQUATS].filter((domain) => suggestDomain(domain)?.known !== true);
    expect(unclear).toEqual([]);
  });

  test("an unknown slip is only a suggestion", () => {
    expect(addressFacts("anna@gmaillll.com").typosquat).toBe(false);
    expect(addressFacts("anna@gmial.com").typosquat).toBe(true);
  });
});
