import { describe, expect, it } from "vitest";
import type { CheckOutcome } from "../../../probe/check/checker.ts";
import { checkBatch } from "../../../probe/cli/patience.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import { optionsWith } from "../check/support.ts";
import { fakeChecker, verdictFor } from "../link/fakes.ts";

const GREYLISTED = { status: "unknown", reason: "greylisted", reasons: ["greylisted"] } as const;

/** A greylist that lets in after `waitMs`; a deferred item is due again `pauseMs` later. */
async function visitsTo(waitMs: number, pauseMs: number, patienceMs: number) {
  let nowMs = 0;
  const visits: number[] = [];
  const checker = fakeChecker((item, _signal, { finalOnly }): CheckOutcome => {
    visits.push(nowMs);
    if (nowMs >= waitMs) return { kind: "final", verdict: verdictFor(item.email) };
    const provisional: Verdict = { ...verdictFor(item.email), ...GREYLISTED };
    if (finalOnly === true) return { kind: "final", verdict: provisional };
    return { kind: "deferred", item: { ...item, due: nowMs + pauseMs }, provisional, source: "any" };
  });
  const patience = {
    ms: patienceMs,
    now: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const [reason] = await checkBatch(checker, ["ann@grey.net"], optionsWith({}), patience, (verdict) => verdict.reason);
  return { reason, visits };
}

describe("patience", () => {
  it("is not had unless it is asked for", async () => {
    expect(await visitsTo(1, 1, 0)).toEqual({ reason: "greylisted", visits: [0] });
  });

  it("asks again as soon as the host may have changed its mind", async () => {
    expect(await visitsTo(500, 600, 30_000)).toEqual({ reason: "accepted", visits: [0, 600] });
  });

  it("asks for the last time when it is nearly over, however often it was refused before", async () => {
    const { reason, visits } = await visitsTo(28_000, 600, 30_000);
    expect(reason).toBe("accepted");
    expect(visits).toEqual([0, 600, 1_200, 28_500]);
  });
});
