import { describe, expect, it } from "vitest";
import { looksHarvested, VisitBook } from "../../../probe/check/citizen.ts";

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

it("an address gets three visits a day and a domain two thousand", () => {
  const book = new VisitBook();
  expect([1, 2, 3, 4].map(() => book.mayVisit("a@x.net", 0))).toEqual([true, true, true, false]);
  expect(book.mayVisit("a@x.net", 86_400_000)).toBe(true);
  for (let i = 0; i < 2_000; i += 1) expect(book.mayAsk("x.net", 0)).toBe(true);
  expect(book.mayAsk("x.net", 0)).toBe(false);
  expect(book.mayAsk("y.net", 0)).toBe(true);
});
