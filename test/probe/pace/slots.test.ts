import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Slots } from "../../../probe/pace/slots.ts";

/** Takes a slot, or a place in line. */
function ask(slots: Slots<string>, who: string, urgent: boolean, most: number): boolean {
  const may = slots.mayTake(who, urgent, most);
  if (may) slots.take(who);
  else slots.wait(who, urgent);
  return may;
}

describe("slots", () => {
  it("go to those who wait in the order in which they came, not to whoever has just given one back", () => {
    const slots = new Slots<string>();
    expect(["a", "b", "c"].map((who) => ask(slots, who, false, 1))).toEqual([true, false, false]);
    slots.release();
    expect(ask(slots, "a", false, 1)).toBe(false);
    expect(slots.next(1)).toBe("b");
    expect(ask(slots, "b", false, 1)).toBe(true);
    slots.release();
    expect(slots.next(1)).toBe("c");
  });

  it("are one more for whoever is in a hurry, and no more than one", () => {
    const slots = new Slots<string>();
    expect(ask(slots, "bulk", false, 1)).toBe(true);
    expect(ask(slots, "first", true, 1)).toBe(true);
    expect(ask(slots, "second", true, 1)).toBe(false);
    slots.release();
    expect(slots.next(1)).toBe("second");
  });

  it("do not go by those who wait in bulk for ever, however many are in a hurry", () => {
    const slots = new Slots<string>();
    ask(slots, "holder", false, 1);
    ask(slots, "bulk", false, 1);
    let passed = 0;
    for (; passed < 50; passed += 1) {
      ask(slots, `hurried ${passed}`, true, 1);
      ask(slots, `hurried too ${passed}`, true, 1);
      slots.release();
      const next = slots.next(1);
      if (next === "bulk") break;
      if (next !== null) slots.take(next);
    }
    expect(passed).toBeLessThan(6);
  });

  it("are not given out while fewer are allowed than are held", () => {
    const slots = new Slots<string>();
    for (const who of ["a", "b", "c", "d"]) ask(slots, who, false, 4);
    ask(slots, "e", false, 2);
    ask(slots, "hurried", true, 2);
    slots.release();
    expect(slots.next(2)).toBeNull();
    slots.release();
    expect(slots.next(2)).toBe("hurried");
    slots.take("hurried");
    slots.release();
    slots.release();
    expect(slots.next(2)).toBe("e");
  });

  it("never held beyond what is allowed, and everybody gets one while slots come back", () => {
    const move = fc.oneof(
      fc.record({ kind: fc.constant("ask" as const), who: fc.nat(12), urgent: fc.boolean() }),
      fc.record({ kind: fc.constant("release" as const) }),
      fc.record({ kind: fc.constant("leave" as const), who: fc.nat(12) }),
      fc.record({ kind: fc.constant("allow" as const), most: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 200 }), (script) => {
        const slots = new Slots<string>();
        let most = 3;
        for (const one of script) {
          const before = slots.held;
          if (one.kind === "ask") ask(slots, `q${one.who}`, one.urgent, most);
          else if (one.kind === "release" && slots.held > 0) slots.release();
          else if (one.kind === "leave") slots.leave(`q${one.who}`);
          else if (one.kind === "allow") most = one.most;
          if (slots.held > before) expect(slots.held).toBeLessThanOrEqual(most + 1);
        }
        // From here on slots only come back: the line must empty.
        let rounds = 0;
        while (slots.waiting > 0) {
          rounds += 1;
          expect(rounds).toBeLessThan(200);
          for (let next = slots.next(most); next !== null; next = slots.next(most)) slots.take(next);
          if (slots.held > 0) slots.release();
        }
      }),
      { seed: 7, numRuns: 400 },
    );
  });
});
