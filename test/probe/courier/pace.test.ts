import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BREAKER_AFTER, BREAKER_MAX_MS, HELD_BACK_MAX } from "../../../probe/courier/limits.ts";
import { type Pace, paceAfter, roomNow } from "../../../probe/courier/pace.ts";
import { Rooms } from "../../../probe/courier/rooms.ts";

const CAP = 16;
const run = (slows: readonly boolean[], nowMs = 0) =>
  slows.reduce<Pace | null>((pace, slow) => paceAfter(pace, slow, nowMs, CAP), null);

describe("the pace of an endpoint", () => {
  it("halves with each slow failure, down to one", () => {
    expect([1, 2, 3, 4].map((n) => run(new Array(n).fill(true))?.room)).toEqual([8, 4, 2, 1]);
  });

  it("shuts after some slow failures in a row, and longer each time, up to a bound", () => {
    const open = run(new Array(BREAKER_AFTER - 1).fill(true));
    const shut = run(new Array(BREAKER_AFTER).fill(true));
    expect(open && roomNow(open, 1)).toBe(1);
    expect(shut && roomNow(shut, 1)).toBe(0);
    expect(run(new Array(BREAKER_AFTER + 1).fill(true))?.shutUntilMs).toBe(2 * (shut?.shutUntilMs ?? 0));
    expect(run(new Array(200).fill(true))?.shutUntilMs).toBe(BREAKER_MAX_MS);
  });

  it("opens at the first answer and is forgotten once it has its full room again", () => {
    const shut = new Array(BREAKER_AFTER).fill(true);
    expect(run([...shut, false])).toEqual({ room: 2, slow: 0, shutUntilMs: 0 });
    expect(run([...shut, ...new Array(CAP).fill(false)])).toBeNull();
  });

  it("room stays between one and the cap", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (slows) => {
        const room = run(slows)?.room ?? CAP;
        expect(room).toBeGreaterThanOrEqual(1);
        expect(room).toBeLessThanOrEqual(CAP);
      }),
      { seed: 3 },
    );
  });
});

describe("rooms", () => {
  it("count what is in flight, and add what a slow endpoint may not use", () => {
    const rooms = new Rooms(CAP);
    rooms.enter("quick");
    rooms.enter("stalled");
    rooms.enter("stalled");
    rooms.leave("stalled", true, 0);
    expect(rooms.taken(0)).toEqual({ quick: 1, stalled: 1 + CAP / 2 });
    rooms.leave("quick", false, 0);
    expect(rooms.taken(0)).toEqual({ stalled: 1 + CAP / 2 });
  });

  it("hold back a bounded number of endpoints", () => {
    const rooms = new Rooms(CAP);
    for (let n = 0; n < HELD_BACK_MAX + 10; n += 1) {
      rooms.enter(`e${n}`);
      rooms.leave(`e${n}`, true, 0);
    }
    expect(Object.keys(rooms.taken(0))).toHaveLength(HELD_BACK_MAX);
    expect(rooms.taken(0).e0).toBeUndefined();
  });
});
