import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  allow,
  connectionsOf,
  createPace,
  type PaceEvent,
  type PaceState,
  pausedFor,
  step,
} from "../../../probe/pace/machine.ts";
import type { Pace } from "../../../shared/providers/index.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const PACE: Pace = { connections: 1, rcptPerConnection: 50, rcptPerSecond: 1, coolDownMs: 15 * MINUTE };

/** Recipients that can be asked in a time by somebody who always wants more. */
function askedWithin(state: PaceState, pace: Pace, fromMs: number, forMs: number): { asked: number; state: PaceState } {
  let now = fromMs;
  let asked = 0;
  let current = state;
  while (now < fromMs + forMs) {
    const { state: next, recipients, waitMs } = allow(current, pace, 1_000, false, now);
    current = next;
    asked += recipients;
    now += recipients > 0 ? 0 : Math.max(1, waitMs ?? forMs);
  }
  return { asked, state: current };
}

describe("the pace of an operator", () => {
  it("keeps the published rate over time", () => {
    const { asked } = askedWithin(createPace(PACE, 0), PACE, 0, HOUR);
    expect(asked).toBeGreaterThan(3_500);
    expect(asked).toBeLessThanOrEqual(3_610);
  });

  it("grants several recipients at once rather than one each second", () => {
    const { recipients, state } = allow(createPace(PACE, 0), PACE, 40, false, 0);
    expect(recipients).toBe(10);
    const refused = allow(state, PACE, 40, false, 1_000);
    expect([refused.recipients, refused.waitMs]).toEqual([0, 9_000]);
  });

  it("lets real-time questions draw on the next batch", () => {
    const { state } = allow(createPace(PACE, 0), PACE, 40, false, 0);
    expect(allow(state, PACE, 1, true, 0).recipients).toBe(1);
  });

  it("halves after a throttle, cools down, and cools down four times as long each further time, up to a day", () => {
    let state = createPace(PACE, 0);
    let now = 0;
    const pauses: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      state = step(state, PACE, { kind: "throttled" }, now);
      pauses.push(pausedFor(state, PACE, now) / MINUTE);
      now += pausedFor(state, PACE, now);
    }
    expect(pauses).toEqual([15, 60, 240, 960, 1_440, 1_440]);
    expect(state.factor).toBeLessThan(1);
  });

  it("counts replies already under way as the same complaint", () => {
    let state = step(createPace(PACE, 0), PACE, { kind: "throttled" }, 0);
    state = step(state, PACE, { kind: "throttled" }, 1);
    expect(pausedFor(state, PACE, 1)).toBeLessThanOrEqual(15 * MINUTE);
  });

  it("recovers to the published rate in peace and rises above it only after a week", () => {
    let state = step(createPace(PACE, 0), PACE, { kind: "throttled" }, 0);
    state = allow(state, PACE, 1, false, HOUR).state;
    expect(state.factor).toBe(1);
    state = allow(state, PACE, 1, false, 6 * DAY).state;
    expect(state.factor).toBe(1);
    state = allow(state, PACE, 1, false, 9 * DAY).state;
    expect(state.factor).toBeGreaterThan(1);
  });

  it("stops at the cap of a day's recipients", () => {
    const pace = { ...PACE, perDay: 20 };
    const { state } = askedWithin(createPace(pace, 0), pace, 0, 40_000);
    expect(allow(state, pace, 1, false, 40_000)).toMatchObject({ recipients: 0, waitMs: null });
    expect(pausedFor(allow(state, pace, 1, false, DAY + 1).state, pace, DAY + 1)).toBe(0);
  });

  it("gives nothing back for the time of a cool-down: nobody can be content with us while we are away", () => {
    const state = step(createPace(PACE, 0), PACE, { kind: "throttled" }, 0);
    expect(allow(state, PACE, 1, false, 15 * MINUTE).state.factor).toBe(0.5);
    expect(allow(state, PACE, 1, false, 20 * MINUTE).state.factor).toBe(0.75);
  });

  it("halves the connections with each complaint, never to none, and gives them back step by step", () => {
    let state = createPace(PACE, 0);
    expect(connectionsOf(state, 8, 0)).toBe(8);
    state = step(state, PACE, { kind: "throttled" }, 0);
    expect([connectionsOf(state, 8, 0), connectionsOf(state, 1, 0)]).toEqual([4, 1]);
    const regained = [15, 18, 20, 25, 60].map((minute) => connectionsOf(state, 8, minute * MINUTE));
    expect(regained).toEqual([4, 5, 6, 8, 8]);
    state = step(state, PACE, { kind: "blocked" }, HOUR);
    expect(connectionsOf(state, 2, HOUR)).toBe(1);
  });

  it("allows more connections than published only after seven clean days", () => {
    const state = createPace(PACE, 0);
    expect([6, 8, 12, 60].map((day) => connectionsOf(state, 2, day * DAY))).toEqual([2, 2, 3, 8]);
  });

  it("opens the breaker when half of the connections fail, lets one try, and closes again", () => {
    let state = createPace(PACE, 0);
    for (let i = 0; i < 10; i += 1) state = step(state, PACE, { kind: "connection", good: i % 2 === 0 }, 0);
    expect(pausedFor(state, PACE, 0)).toBe(5 * MINUTE);
    state = allow(state, PACE, 1, false, 5 * MINUTE).state;
    expect(state.breaker.state).toBe("half_open");
    expect(connectionsOf(state, 4, 5 * MINUTE)).toBe(1);
    expect(step(state, PACE, { kind: "connection", good: false }, 5 * MINUTE).breaker.state).toBe("open");
    expect(step(state, PACE, { kind: "connection", good: true }, 5 * MINUTE).breaker.state).toBe("closed");
  });

  it("never grants during a pause, never more than wanted, and its numbers stay finite", () => {
    const event = fc.oneof<fc.Arbitrary<PaceEvent>[]>(
      fc.constant({ kind: "throttled" } as const),
      fc.constant({ kind: "blocked" } as const),
      fc.record({ kind: fc.constant("connection" as const), good: fc.boolean() }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(event, fc.nat(2 * HOUR), fc.nat(300), fc.boolean()), { maxLength: 60 }),
        (script) => {
          let state = createPace(PACE, 0);
          let now = 0;
          for (const [one, elapsed, wanted, urgent] of script) {
            now += elapsed;
            state = step(state, PACE, one, now);
            const answer = allow(state, PACE, wanted, urgent, now);
            state = answer.state;
            expect(answer.recipients).toBeLessThanOrEqual(wanted);
            if (pausedFor(state, PACE, now) > 0) expect(answer.recipients).toBe(0);
            for (const value of [state.factor, state.tokens, state.pausedUntilMs])
              expect(Number.isFinite(value)).toBe(true);
            expect(pausedFor(state, PACE, now)).toBeLessThanOrEqual(DAY);
            expect(connectionsOf(state, 2, now)).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { seed: 5, numRuns: 500 },
    );
  });
});
