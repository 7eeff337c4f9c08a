import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changed, EMPTY_METER, lease, type MeterState, type RateLimits } from "../../../edge/meter/machine.ts";

const NOON = Date.UTC(2026, 10, 20, 12);
const MINUTE: RateLimits = { minute: 60, hour: null, day: null };

const ask = (state: MeterState, now: number, limits = MINUTE, isolate = "a", unspent = 0, leasedAt = now) =>
  lease(state, { isolate, limits, unspent, leasedAt }, now);

describe("a lease", () => {
  test("is a quarter of what is left for one isolate, and less for each of many", () => {
    const first = ask(EMPTY_METER, NOON);
    expect(first.lease.tokens).toBe(15);
    const second = ask(first.state, NOON, MINUTE, "b");
    expect(second.lease.tokens).toBe(5);
  });

  test("names the tightest window", () => {
    const { lease: given } = ask(EMPTY_METER, NOON, { minute: 60, hour: 1_000, day: 10 });
    expect(given).toMatchObject({ window: "day", limit: 10, resetAt: Date.UTC(2026, 10, 21) });
  });

  test("has no limit to speak of without one", () => {
    expect(ask(EMPTY_METER, NOON, { minute: null, hour: null, day: null }).lease.limit).toBeNull();
  });

  test("starts over with the next window, and takes nothing back into it", () => {
    const first = ask(EMPTY_METER, NOON + 59_000);
    const next = ask(first.state, NOON + 60_000, MINUTE, "a", 15, NOON + 59_000);
    expect(next.lease.spent).toBe(0);
  });

  test("gives unspent tokens of the same window back", () => {
    const first = ask(EMPTY_METER, NOON);
    expect(ask(first.state, NOON + 1, MINUTE, "a", 15, NOON).lease.spent).toBe(0);
  });

  test("tells when keys, rules or plan changed", () => {
    expect(ask(changed(EMPTY_METER, NOON), NOON + 5).lease.changedAt).toBe(NOON);
  });
});

test("within a window the count is what was leased less what came back, and never beyond the limit by a share", () => {
  const step = fc.record({ isolate: fc.constantFrom("a", "b", "c"), spend: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let state = EMPTY_METER;
      let spent = 0;
      const held = new Map<string, number>();
      for (const { isolate, spend } of steps) {
        const unspent = held.get(isolate) ?? 0;
        const result = ask(state, NOON, MINUTE, isolate, unspent, NOON);
        state = result.state;
        const { tokens, limit, spent: before } = result.lease;
        if (limit !== null && before < limit) expect(before + tokens).toBeLessThanOrEqual(limit);
        const used = Math.min(spend, tokens);
        spent += used;
        held.set(isolate, tokens - used);
        const outstanding = [...held.values()].reduce((sum, left) => sum + left, 0);
        expect(state.windows.minute.used).toBe(spent + outstanding);
      }
    }),
    { seed: 5 },
  );
});
