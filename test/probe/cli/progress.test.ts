import { expect, test } from "vitest";
import { duration, ProgressView, progressLine } from "../../../probe/cli/progress.ts";
import { jobShape } from "../../../probe/client/shapes.ts";
import { jobView } from "../client/small-api.ts";

const job = (state: string, done: number, total: number, counts: object = {}, more: object = {}) => {
  const view = jobView(state, done, total);
  return jobShape.parse({ ...view, counts: { ...(view.counts as object), ...counts }, ...more });
};

test("a line tells phase, percent, rows, rate, time left and counts", () => {
  const running = job("running", 2_500, 10_000, {}, { addresses_per_second: 1_250.4, eta_seconds: 6 });
  expect(progressLine(running, 0, true)).toBe(
    "checking    [######..................]   24 %  2,500/10,000  1,250/s  ETA 6 s  deliverable 2,500",
  );
});

test("while the list is read there is no total to promise anything about", () => {
  const reading = job("ingesting", 0, 10, { total: null, open: null, staged: 4 }, { phase: "reading" });
  expect(progressLine(reading, 0, false)).toBe("reading       0 %  4 rows read");
});

test("when mail hosts put off all that is left, their time is shown and no speed is extrapolated", () => {
  const nowMs = Date.UTC(2026, 10, 20, 8);
  const wait = { phase: "deferred", eta_seconds: 9, next_attempt_at: "2026-11-20T08:06:00.000Z" };
  const waiting = job("running", 95, 100, { deferred: 5 }, wait);
  expect(progressLine(waiting, nowMs, false)).toContain("5 put off, asked again in 6 min 00 s");
});

test("counts of a status that a newer service knows are shown last", () => {
  const line = progressLine(job("running", 1, 2, { by_status: { novel: 1, unknown: 2 } }), 0, false);
  expect(line.endsWith("unknown 2  novel 1")).toBe(true);
});

test("times are told in their two largest units", () => {
  expect([0, 9_400, 60_000, 3_599_000, 3_600_000, 93_784_000].map(duration)).toEqual([
    "0 s",
    "9 s",
    "1 min 00 s",
    "59 min 59 s",
    "1 h 00 min",
    "26 h 03 min",
  ]);
});

test("a terminal sees one line drawn over itself, cut to its width; elsewhere phases and a line now and then", () => {
  const written = (screen: { isTTY?: boolean; columns?: number }): string => {
    let text = "";
    const view = new ProgressView({ ...screen, write: (piece: string) => (text += piece) });
    for (let s = 0; s < 20; s += 1) view.show(job("running", s, 20), s * 1_000);
    view.show(job("completed", 20, 20), 20_000);
    view.leave();
    return text;
  };
  const drawn = written({ isTTY: true, columns: 50 });
  expect(drawn.split("\n")).toHaveLength(2);
  for (const line of drawn.trimEnd().split("\r")) expect(line.replace("\u001b[K", "").length).toBeLessThan(50);
  expect(
    written({})
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")[0]),
  ).toEqual(["checking", "checking", "completed"]);
});
