import { expect, test } from "vitest";
import { planOf } from "../../../dev/sim/plan.ts";
import { simulate } from "../../../dev/sim/world.ts";

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);

test("in every seeded storm each item gets exactly one verdict, capacity holds, nobody starves and nothing leaks", () => {
  const found = SEEDS.flatMap((seed) =>
    simulate(planOf(seed)).violations.map((violation) => `seed ${seed}: ${violation}`),
  );
  expect(found).toEqual([]);
});

test("a seed gives the same run each time", () => {
  expect(simulate(planOf(7))).toEqual(simulate(planOf(7)));
});

test("a settle that ignores tickets is found out", () => {
  const found = SEEDS.slice(0, 20).flatMap((seed) => simulate(planOf(seed), "tickets").violations);
  expect(found.join("\n")).toMatch(/has \d verdicts/);
});
