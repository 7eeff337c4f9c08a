import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { World } from "../../../dev/world/world.ts";
import { createChecker } from "../../../probe/check/checker.ts";
import { VisitBook } from "../../../probe/check/citizen.ts";
import { isMostlyStrangers, looksHarvested } from "../../../probe/check/harvest.ts";
import { bareFinding } from "../../../probe/check/subject.ts";
import { PaceBook } from "../../../probe/pace/book.ts";
import { PROFILES } from "../../../probe/pace/profile.ts";
import { configFor, quickWorld, verdictsOf } from "./support.ts";

describe("harvesting", () => {
  it.each<[string, string[]]>([
    [
      "eight ways to write one name",
      "john.smith johnsmith jsmith smithj john_smith smith.john j.smith johns".split(" "),
    ],
    ["a long run of numbers", Array.from({ length: 60 }, (_, i) => `user${i + 100}`)],
  ])("%s are guesses", (_name, locals) => {
    expect(looksHarvested(locals)).toBe(true);
  });

  it.each<[string, string[]]>([
    ["a company's staff", "john.smith jane.smith mary.jones peter.jones info sales a.miller".split(" ")],
    ["people with birth years", ["anna1987", "anna1988", "tom1990", "tim1991"]],
    ["nobody", []],
  ])("%s are not", (_name, locals) => {
    expect(looksHarvested(locals)).toBe(false);
  });
});

const SURNAMES =
  `smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson
  thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker young
  allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter
  roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris morales murphy cook rogers
  gutierrez ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward richardson watson brooks chavez
  wood james bennett gray mendoza ruiz hughes price alvarez castillo sanders patel myers long ross foster jimenez`.split(
    /\s+/,
  );
const FIRST_NAMES =
  `aaron adam adrian alan albert alex alexander alice amanda amy andrea andrew angela anna anne anthony barbara ben
  benjamin betty brian carl carol catherine charles christian christina daniel david deborah dennis diana donald donna
  dorothy edward elizabeth emily emma eric eugene frank gary george gerald gloria grace gregory hannah harold heather
  helen henry isabella jack jacob james janet jason jean jeffrey jennifer jeremy jessica joan joe john jonathan jose
  joseph joshua joyce juan judith julia julie justin karen katherine keith kelly kenneth kevin kimberly kyle larry`.split(
    /\s+/,
  );
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];

describe("dictionaries", () => {
  const grown = ["", "a", "as", "e", "er", "ers", "in", "s", "son"];
  const words = FIRST_NAMES.slice(0, 12).flatMap((name) => grown.map((end) => `${name}${end}`));

  it("are told by words that grow out of each other, in whatever order they come", () => {
    expect(looksHarvested(words)).toBe(true);
    expect(looksHarvested(words.toReversed())).toBe(true);
    expect(looksHarvested(words.slice(0, 40))).toBe(false);
  });

  it("are not told apart from a real list where everybody has a mailbox", () => {
    expect(looksHarvested(words, true)).toBe(false);
  });

  it("of all there is (aa, ab, ac ...) are told by their stems, wherever they are", () => {
    const pairs = LETTERS.flatMap((one) => LETTERS.map((other) => `${one}${other}`));
    expect(looksHarvested(pairs.slice(30, 110))).toBe(true);
    expect(looksHarvested(LETTERS, true)).toBe(true);
    expect(looksHarvested(pairs.slice(0, 26))).toBe(false);
  });

  it.each<[string, string[]]>([
    ["initial and surname", LETTERS.flatMap((letter) => SURNAMES.map((name) => `${letter}${name}`)).sort()],
    ["surname and initial", SURNAMES.flatMap((name) => [..."jmsadr"].map((letter) => `${name}${letter}`)).sort()],
    ["first names", FIRST_NAMES],
    ["surnames", SURNAMES.toSorted()],
    ["first.last", FIRST_NAMES.flatMap((first) => SURNAMES.slice(0, 20).map((last) => `${first}.${last}`)).sort()],
    [
      "three-letter initials",
      FIRST_NAMES.flatMap((first) => SURNAMES.map((last) => first.slice(0, 2) + last.slice(0, 1))),
    ],
  ])("are not seen in a whole organisation's staff by %s, sorted", (_name, locals) => {
    expect(looksHarvested(locals)).toBe(false);
  });

  it("are not seen in few addresses, whatever they are", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z0-9._-]{1,12}$/), { maxLength: 7 }), (locals) => {
        expect(looksHarvested(locals)).toBe(false);
      }),
      { seed: 20261120, numRuns: 300 },
    );
  });
});

describe("strangers", () => {
  const subjects = (unknown: number, known: number, silent = 0) => [
    ...Array.from({ length: unknown }, () => ({ findings: [bareFinding("mailbox_not_found", "user-unknown")] })),
    ...Array.from({ length: known }, () => ({ findings: [bareFinding("accepted", "accepted")] })),
    ...Array.from({ length: silent }, () => ({ findings: [bareFinding("timeout", "timeout-rcpt")] })),
  ];

  it.each<[number, number, number, boolean]>([
    [36, 14, 0, true],
    [35, 15, 0, false],
    [49, 0, 100, false],
    [0, 200, 0, false],
  ])("%i unknown, %i known, %i without an answer: %s", (unknown, known, silent, harvested) => {
    expect(isMostlyStrangers(subjects(unknown, known, silent))).toBe(harvested);
  });
});

describe("a list at one domain that turns out to be mostly strangers", () => {
  let world: World;
  beforeAll(async () => {
    world = await quickWorld();
  });
  afterAll(() => world.close());

  const politely = async (emails: readonly string[]) => {
    world.resetStats();
    const paces = { book: new PaceBook(PROFILES.lab, Date.now), visits: new VisitBook() };
    const checker = createChecker(configFor(world, { PROBE_PACE: "polite" }), { paces });
    const verdicts = await verdictsOf(checker, emails);
    await checker.close();
    return verdicts;
  };
  const at = (stem: string, from: number, count: number) =>
    Array.from({ length: count }, (_, i) => `${stem}${(from + i) * 7}@postfix.mailworld.net`);

  it("is not asked to its end; what was found so far stands", async () => {
    const verdicts = await politely([...at("user", 0, 10), ...at("nobody", 0, 110)]);
    expect(verdicts.slice(0, 50).map(({ reason }) => reason)).toEqual([
      ...Array.from({ length: 10 }, () => "accepted"),
      ...Array.from({ length: 40 }, () => "mailbox_not_found"),
    ]);
    for (const verdict of verdicts.slice(50)) {
      expect(verdict).toMatchObject({ reason: "policy_rejected", evidence: { rule: "harvest-guard" } });
    }
    expect(world.stats().recipients).toBeLessThan(60);
  });

  it("is asked to its end where enough of them are known", async () => {
    const verdicts = await politely([...at("user", 0, 20), ...at("nobody", 0, 30), ...at("user", 20, 70)]);
    expect(new Set(verdicts.map(({ reason }) => reason))).toEqual(new Set(["accepted", "mailbox_not_found"]));
  });
});
