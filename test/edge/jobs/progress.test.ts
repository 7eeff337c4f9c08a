import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JobView } from "../../../edge/data/jobs.ts";
import { presentJob } from "../../../edge/jobs/progress.ts";

const T0 = Date.parse("2026-11-20T10:00:00Z");
const iso = (seconds: number): string => new Date(T0 + seconds * 1_000).toISOString();
const at = (seconds: number): Date => new Date(T0 + seconds * 1_000);

const chunks = {
  settled: 0,
  open: 0,
  deferred: 0,
  next_at: null,
  last_at: null,
  lately: 0,
  lately_chunks: 0,
  counts: {},
};

const job = (more: Partial<JobView>): JobView => ({
  id: "00000000-0000-7000-8000-000000000000",
  parent_id: null,
  tags: [],
  name: "",
  state: "running",
  mode: "full",
  lane: 2,
  staged_rows: 1_000,
  ingested: true,
  duplicates: 0,
  options: { rows_at_most: 1_000 },
  planned: { decided: 0, waiting_duplicates: 0, counts: {} },
  since: iso(0),
  settled_before: 0,
  summary: null,
  error: null,
  created_at: at(-10),
  started_at: at(-10),
  finished_at: null,
  chunks: { ...chunks, open: 1_000 },
  ...more,
});

const seen = (view: JobView, seconds: number) => presentJob(view, T0 + seconds * 1_000);

describe("the phase", () => {
  test.each<[Partial<JobView>, string]>([
    [{ state: "queued" }, "waiting"],
    [{ state: "ingesting", ingested: false }, "reading"],
    [{ state: "ingesting" }, "planning"],
    [{}, "checking"],
    [{ chunks: { ...chunks, open: 3, deferred: 3 } }, "deferred"],
    [{ chunks: { ...chunks, open: 3, deferred: 2 } }, "checking"],
    [{ state: "paused" }, "paused"],
    [{ state: "finalising" }, "counting"],
    [{ state: "completed" }, "ended"],
    [{ state: "cancelled" }, "ended"],
    [{ state: "failed" }, "ended"],
  ])("of %j is %s", (more, phase) => {
    expect(seen(job(more), 60).phase).toBe(phase);
  });
});

describe("speed and time left", () => {
  test("at a constant speed the time left is right from the first settled rows on, and converges on the end", () => {
    const rate = fc.integer({ min: 1, max: 5_000 });
    const rows = fc.integer({ min: 100, max: 1_000_000 });
    const property = fc.property(rows, rate, fc.double({ min: 0.01, max: 1, noNaN: true }), (total, speed, share) => {
      const end = total / speed;
      const now = end * share;
      const settled = Math.floor(now * speed);
      fc.pre(settled > 0 && settled < total);
      const view = job({ staged_rows: total, chunks: { ...chunks, settled, open: total - settled } });
      const { eta_seconds: eta } = seen(view, now);
      const slack = 2 + (end - now) / settled;
      expect(Math.abs((eta ?? Number.NaN) - (end - now))).toBeLessThanOrEqual(slack);
    });
    fc.assert(property, { seed: 1, numRuns: 500 });
  });

  test("a job that slows down is told by its last minute, not by its beginning", () => {
    const view = job({ chunks: { ...chunks, settled: 900, open: 100, lately: 60, lately_chunks: 6 } });
    expect(seen(view, 600)).toMatchObject({ addresses_per_second: 1, eta_seconds: 100 });
  });

  test("after a pause only what came since counts", () => {
    const view = job({ since: iso(3_600), settled_before: 500, chunks: { ...chunks, settled: 600, open: 400 } });
    expect(seen(view, 3_610)).toMatchObject({ addresses_per_second: 10, eta_seconds: 40 });
  });

  test("deferred rows are waited for, and do not stretch the time of the others", () => {
    const waiting = { ...chunks, settled: 900, open: 100, deferred: 90, last_at: at(400), next_at: at(300) };
    expect(seen(job({ chunks: waiting }), 100)).toMatchObject({
      eta_seconds: 300,
      next_attempt_at: iso(300),
      deferred_until: iso(400),
      counts: { deferred: 90, open: 100 },
    });
  });

  test("nobody can tell before anything is settled, while it waits or is paused; then the end is near", () => {
    expect(seen(job({}), 5).eta_seconds).toBeNull();
    expect(seen(job({ state: "queued" }), 5).eta_seconds).toBeNull();
    expect(seen(job({ state: "paused" }), 5)).toMatchObject({ eta_seconds: null, addresses_per_second: null });
    expect(seen(job({ state: "finalising" }), 5).eta_seconds).toBe(0);
    expect(seen(job({ state: "completed" }), 5).eta_seconds).toBe(0);
  });

  test("while the list is read the speed is that of reading", () => {
    const view = job({ state: "ingesting", ingested: false, planned: null, staged_rows: 500, started_at: at(0) });
    expect(seen(view, 10)).toMatchObject({ addresses_per_second: 50, eta_seconds: null, percent: 5 });
  });
});

test("percent never falls while rows are settled, and only the end is 100", () => {
  let last = 0;
  for (let settled = 0; settled <= 1_000; settled += 7) {
    const { percent } = seen(job({ chunks: { ...chunks, settled, open: 1_000 - settled } }), 10);
    expect(percent).toBeGreaterThanOrEqual(last);
    expect(percent).toBeLessThan(100);
    last = percent;
  }
  expect(seen(job({ state: "completed" }), 10).percent).toBe(100);
});
