import { expect, it } from "vitest";
import { PaceBook } from "../../../probe/pace/book.ts";
import { PROFILES } from "../../../probe/pace/profile.ts";
import { warmUpCap } from "../../../probe/pace/warm-up.ts";

const DAY_MS = 86_400_000;

it("a new source address may ask about 200 recipients a day, and every week about twice as many", () => {
  const days = [-3, 0, 6.9, 7, 14, 70, 1_000];
  expect(days.map((day) => warmUpCap(0, day * DAY_MS))).toEqual([200, 200, 200, 400, 800, 204_800, Infinity]);
});

it("over all hosts together, each address for itself, and again the next day", () => {
  let nowMs = 0;
  const paces = new PaceBook(PROFILES.polite, () => nowMs, { warmSinceMs: 0 });
  const ask = (source: string): number => {
    let granted = 0;
    for (let host = 0; host < 60; host += 1) {
      granted += paces.grant(paces.key(null, `mx${host}.net`, source), 5, false).recipients;
    }
    return granted;
  };
  expect([ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")]).toEqual([200, 0, 200]);
  const spent = paces.key(null, "mx.net", "192.0.2.1");
  expect(paces.pausedFor(spent)).toBe(DAY_MS);
  expect(paces.grant(spent, 1, true)).toEqual({ recipients: 0, waitMs: null });
  nowMs = DAY_MS;
  expect(ask("192.0.2.1")).toBe(200);
});

it("only where a start is set and the pace is polite", () => {
  const grants = [new PaceBook(PROFILES.lab, () => 0, { warmSinceMs: 0 }), new PaceBook(PROFILES.polite, () => 0)].map(
    (paces) => {
      let granted = 0;
      for (let host = 0; host < 60; host += 1) {
        granted += paces.grant(paces.key(null, `mx${host}.net`, "192.0.2.1"), 5, false).recipients;
      }
      return granted;
    },
  );
  expect(grants).toEqual([300, 300]);
});
