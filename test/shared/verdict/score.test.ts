import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ratingOf, type ScoreInput, scoreOf } from "../../../shared/verdict/score.ts";
import { REASON_TABLE, REASONS, type Reason } from "../../../shared/verdict/vocabulary.ts";

const inputOf = (reason: Reason, change: Partial<ScoreInput> = {}): ScoreInput => ({
  status: REASON_TABLE[reason].status,
  reason,
  role: false,
  noReply: false,
  softCode: false,
  catchAll: reason === "catch_all",
  randomLocal: false,
  sitePattern: false,
  outcome: null,
  ageDays: 0,
  ...change,
});
const score = (reason: Reason, change: Partial<ScoreInput> = {}) => scoreOf(inputOf(reason, change)).score;

describe("scores of plain verdicts", () => {
  test.each([
    ["accepted", 98],
    ["unconfirmed", 79],
    ["catch_all", 69],
    ["gateway_protected", 65],
    ["greylisted", 65],
    ["mailbox_full", 25],
    ["disposable", 18],
    ["mx_parked", 5],
    ["probe_blocklisted", 50],
    ["blocked_by_rule", 0],
    ["suppressed", 0],
    ["syntax_invalid", 0],
  ] as const)("%s is %i", (reason, expected) => {
    expect(score(reason)).toBe(expected);
  });

  test("delivered mail lifts a catch-all address to its bound and no further", () => {
    expect(score("catch_all", { outcome: "delivered" })).toBe(79);
  });

  test("a role address weighs more on a catch-all domain", () => {
    const names = (reason: Reason) => scoreOf(inputOf(reason, { role: true })).factors.map(({ name }) => name);
    expect(names("accepted")).toContain("role");
    expect(names("catch_all")).toContain("role_on_catch_all");
  });

  test("age counts from the eighth day", () => {
    expect(score("unconfirmed", { ageDays: 7 })).toBe(score("unconfirmed"));
    expect(score("catch_all", { ageDays: 40 })).toBeLessThan(score("catch_all"));
  });

  test("the factors are listed and their sum is the score before clamping", () => {
    const { score: result, factors } = scoreOf(
      inputOf("catch_all", { role: true, randomLocal: true, outcome: "bounced" }),
    );
    const sum = factors.reduce((total, { weight }) => total + weight, 0);
    expect(factors.map(({ name }) => name)).toEqual([
      "base:catch_all",
      "bounced_90d",
      "role_on_catch_all",
      "random_local_part",
    ]);
    expect(result).toBe(Math.max(5, Math.round(100 / (1 + Math.exp(-sum)))));
  });
});

describe("monotony", () => {
  const inputArb = fc.record({
    reason: fc.constantFrom(...REASONS),
    role: fc.boolean(),
    noReply: fc.boolean(),
    softCode: fc.boolean(),
    catchAll: fc.boolean(),
    randomLocal: fc.boolean(),
    sitePattern: fc.boolean(),
    outcome: fc.constantFrom(null, "delivered" as const, "bounced" as const),
    ageDays: fc.double({ min: 0, max: 400, noNaN: true }),
  });
  const changes: readonly (readonly [string, Partial<ScoreInput>, Partial<ScoreInput>, 1 | -1])[] = [
    ["delivered", { outcome: null }, { outcome: "delivered" }, 1],
    ["bounced", { outcome: null }, { outcome: "bounced" }, -1],
    ["role", { role: false }, { role: true }, -1],
    ["no_reply", { noReply: false }, { noReply: true }, -1],
    ["soft_code", { softCode: false }, { softCode: true }, -1],
    ["random local part", { randomLocal: false }, { randomLocal: true }, -1],
    ["site pattern", { sitePattern: false }, { sitePattern: true }, 1],
    ["age", { ageDays: 3 }, { ageDays: 90 }, -1],
  ];
  test.each(changes)("%s moves every score its own way only", (_name, without, withIt, sign) => {
    fc.assert(
      fc.property(inputArb, (given) => {
        const base = inputOf(given.reason, given);
        const difference = scoreOf({ ...base, ...withIt }).score - scoreOf({ ...base, ...without }).score;
        expect(difference * sign).toBeGreaterThanOrEqual(0);
      }),
      { seed: 20_261_120, numRuns: 500 },
    );
  });
});

test.each([
  [100, "excellent"],
  [90, "excellent"],
  [89, "good"],
  [75, "good"],
  [74, "fair"],
  [50, "fair"],
  [49, "poor"],
  [20, "poor"],
  [19, "bad"],
  [0, "bad"],
] as const)("a score of %i is %s", (value, rating) => {
  expect(ratingOf(value)).toBe(rating);
});
