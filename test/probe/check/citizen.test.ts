import { expect, it } from "vitest";
import { VisitBook } from "../../../probe/check/citizen.ts";

it("an address gets three visits a day and a domain two thousand", () => {
  const book = new VisitBook();
  expect([1, 2, 3, 4].map(() => book.mayVisit("a@x.net", 0))).toEqual([true, true, true, false]);
  expect(book.mayVisit("a@x.net", 86_400_000)).toBe(true);
  for (let i = 0; i < 2_000; i += 1) expect(book.mayAsk("x.net", 0)).toBe(true);
  expect(book.mayAsk("x.net", 0)).toBe(false);
  expect(book.mayAsk("y.net", 0)).toBe(true);
});
