import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Assumptions, type Bounds, levelsOf, needOf, RESOURCES } from "../../../dev/scaling/model.ts";
import { computeTable, PAGE, readMeasured, withTable } from "../../../dev/scaling/page.ts";
import { readFigures, tableOf } from "../../../dev/scaling/table.ts";

/** One a second at 86,400 a day, and every bound or figure a round number. */
const SECONDS_OF_A_DAY = 86_400;
const figures = {
  "probe.long_run.verdicts_per_second": 1_000,
  "hub.bulk.100_per_chunk.chunks": 100,
  staging: 100_000,
  mark_duplicates_1e6: 1,
  finalise_1e6: 9,
  settle: 50_000,
  edge_decided: 1_000,
  edge_job_1000000_in: 10_000,
  verdict_bytes: 600,
  job_item_bytes: 200,
};
const assumptions: Assumptions = {
  peak_over_mean: 1,
  real_time_share: 0.5,
  asked_share: 1,
  addresses_per_chunk: 100,
  leases_per_chunk: 2,
  rows_per_list: 1_000,
  bytes_per_list_row: 50,
  held_seconds: 20,
  records_per_message: 10,
  facts_per_address: 0.1,
  largest_tenant_share: 1,
  meter_calls_per_request: 0.01,
  retention_days: 10,
  headroom: 0.5,
  operators: { google: 0.5, microsoft_365: 0.1, yahoo: 0.1, careful: 0.1, gateways: 0.1, others: 0.1 },
};
const bounds: Bounds = {
  object_requests_per_second: 1_000,
  probes_per_hub: 2_000,
  queue_messages_per_second: 5_000,
  database_terabytes: 1,
};
const at = (perSecond: number, more: Partial<Assumptions> = {}) =>
  needOf(perSecond * SECONDS_OF_A_DAY, figures, { ...assumptions, ...more }, bounds);

test("source addresses follow the operator whose pace is the tightest for its share", () => {
  // Of 600 a second, 60 go to operators that bear 0.3 a second of one address; Google's 300 need 150 addresses.
  expect(at(600).source_addresses).toBeCloseTo(200);
  const operators = { ...assumptions.operators, google: 0.9, careful: 0 };
  expect(at(600, { operators }).source_addresses).toBeCloseTo(270);
});

test("a probe is full when its window is, long before its processor", () => {
  // 1,000 a second held for 20 s are 20,000 addresses, ten windows of 2,000.
  expect(at(1_000).probes).toBeCloseTo(10);
  expect(at(1_000, { held_seconds: 0.1 }).probes).toBeCloseTo(2);
});

test("a hub counts chunks, real-time calls and heartbeats against the requests of an object", () => {
  // 10 chunks, 2 x 500 calls and 10 probes that beat each ten seconds, at half of 1,000 a second.
  expect(at(1_000).hub_shards).toBeCloseTo((10 + 1_000 + 1) / 500);
});

test("Postgres takes the work of each row and each settled item, and the bytes of what is kept", () => {
  // Of 1,000 a second 500 come in lists: each is staged (10 us), compared and counted (10 us), settled twice (40 us).
  expect(at(1_000).postgres_machines).toBeCloseTo((500 * 60e-6 + 500 * 20e-6) / 0.5);
  // Ten days of 864,000,000 verdicts of 600 bytes; every second one has a list row of 200.
  expect(at(10_000).databases_by_size).toBeCloseTo((10 * 864e6 * 700) / 1e12);
});

test("too small is what the deployment of the level before has too little of, the worst first", () => {
  const [first, second] = levelsOf([8_640, 86_400 * 1_000], figures, assumptions, bounds);
  expect(first?.tooSmall).toEqual([]);
  // 334 for one source address; ten for one probe; 2 for one hub; 6 TB kept for a database of one.
  expect(second?.tooSmall.slice(0, 2)).toEqual(["source_addresses", "probes"]);
  const slow = { ...figures, settle: 1 };
  expect(levelsOf([86_400 * 100], slow, assumptions, bounds)[0]?.tooSmall[0]).toBe("postgres_machines");
});

test("more load never needs less of anything", () => {
  const load = fc.integer({ min: 1, max: 1_000_000_000 });
  fc.assert(
    fc.property(load, load, (one, other) => {
      const [less, more] = [Math.min(one, other), Math.max(one, other)].map((n) =>
        needOf(n, figures, assumptions, bounds),
      );
      for (const resource of RESOURCES) expect(more?.[resource]).toBeGreaterThanOrEqual(less?.[resource] ?? 0);
    }),
    { seed: 5, numRuns: 200 },
  );
});

test("a missing figure is named rather than taken for nothing", () => {
  const { settle: _, ...without } = figures;
  expect(() => needOf(1, without, assumptions, bounds)).toThrow('no figure "settle"');
});

test("the lines of a bench are read among others, and a table has a column per level", () => {
  expect(readFigures('npm says hello\n{"name":"settle","value":7,"unit":"rows/s"}\n')).toEqual({ settle: 7 });
  const table = tableOf(levelsOf([1e4, 1e9], figures, assumptions, bounds), RESOURCES);
  expect(table.split("\n")[0]).toBe("| addresses a day | 10,000 | 1,000,000,000 |");
  expect(new Set(table.split("\n").map((line) => line.split("|").length))).toEqual(new Set([5]));
});

test("the page shows the table that the measured figures give", () => {
  const page = readFileSync(PAGE, "utf8");
  expect(withTable(page, computeTable(readMeasured()))).toBe(page);
});
