import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runChunk } from "../../../probe/settle/chunk.ts";
import { CHUNK_BUDGET_MS, PART_INTERVAL_MS } from "../../../probe/settle/limits.ts";
import type { Settlement, SettleReply, Settler } from "../../../probe/settle/settle.ts";
import type { ChunkItem, LeaseFrame } from "../../../shared/wire/frames.ts";
import { type Behaviour, fakeChecker, verdictFor } from "../link/fakes.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const item = (n: number, more: Partial<ChunkItem> = {}): ChunkItem => ({
  n,
  email: `u${n}@example.net`,
  tries: 0,
  due: 0,
  first: 0,
  ...more,
});

const lease = (items: ChunkItem[], more: Partial<LeaseFrame> = {}): LeaseFrame => ({
  t: "lease",
  chunk: "c1",
  lease: 1,
  ticket: "ticket-0",
  lane: "normal",
  deadline: 0,
  sticky: null,
  options: { mode: "full", role_is_risky: false, transcript: false },
  items,
  ...more,
});

/** Remembers what was settled; answers with parts held under numbered tickets, unless told otherwise. */
function fakeSettler(answer?: (settlement: Settlement) => SettleReply | null) {
  const settled: Settlement[] = [];
  const settler: Settler = {
    async settle(settlement) {
      settled.push(settlement);
      if (answer !== undefined) return answer(settlement);
      if (settlement.hold) return { outcome: "held", ticket: `ticket-${settled.length}` };
      return { outcome: settlement.rest.length > 0 ? "rest" : "settled", drained: false, job: "j" };
    },
    close: async () => {},
  };
  return { settled, settler };
}

function start(frame: LeaseFrame, behaviour: Behaviour, settler: Settler) {
  return runChunk(frame, {
    checker: fakeChecker(behaviour),
    settler,
    probe: "p1",
    now: Date.now,
    lastCall: new AbortController().signal,
  });
}

const found: Behaviour = (one) => ({ kind: "final", verdict: verdictFor(one.email) });
const never: Behaviour = (_one, signal) =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));

describe("a chunk", () => {
  test("is settled in one go when it is quick", async () => {
    const { settled, settler } = fakeSettler();
    const run = start(lease([item(0), item(1)]), found, settler);
    expect(await run.ended).toMatchObject({ outcome: "settled", job: "j" });
    expect(settled).toMatchObject([{ ticket: "ticket-0", hold: false, results: [{ n: 0 }, { n: 1 }] }]);
  });

  test("settles in parts while it takes long, each result once, each part under the ticket of the one before", async () => {
    const { settled, settler } = fakeSettler();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow: Behaviour = async (one, ...how) => {
      await gates[one.n]?.promise;
      return found(one, ...how);
    };
    const run = start(lease([item(0), item(1), item(2)]), slow, settler);
    for (const gate of gates) {
      gate.resolve();
      await vi.advanceTimersByTimeAsync(PART_INTERVAL_MS);
    }
    await run.ended;
    expect(settled.map(({ ticket, hold }) => [ticket, hold])).toEqual([
      ["ticket-0", true],
      ["ticket-1", true],
      ["ticket-2", false],
    ]);
    expect(settled.flatMap(({ results }) => results.map(({ n }) => n))).toEqual([0, 1, 2]);
  });

  test("makes no part when nothing new was found", async () => {
    const { settled, settler } = fakeSettler();
    const run = start(lease([item(0)]), never, settler);
    await vi.advanceTimersByTimeAsync(5 * PART_INTERVAL_MS);
    expect(settled).toEqual([]);
    run.giveBack();
    await run.ended;
  });

  test("given back before anything was found is untouched; afterwards what was found is settled", async () => {
    const early = fakeSettler();
    const first = start(lease([item(0)]), never, early.settler);
    first.giveBack();
    expect(await first.ended).toEqual({ outcome: "untouched" });
    expect(early.settled).toEqual([]);

    const late = fakeSettler(() => ({ outcome: "rest", drained: false, job: "j" }));
    const half: Behaviour = (one, ...how) => (one.n === 0 ? found : never)(one, ...how);
    const second = start(lease([item(0), item(1)]), half, late.settler);
    await vi.advanceTimersByTimeAsync(1);
    second.giveBack();
    expect(await second.ended).toMatchObject({ outcome: "rest" });
    expect(late.settled).toMatchObject([{ results: [{ n: 0 }], rest: [], hold: false, againAtMs: null }]);
  });

  test("stops working as soon as a part is stale", async () => {
    const { settled, settler } = fakeSettler(() => ({ outcome: "stale" }));
    const half: Behaviour = (one, ...how) => (one.n === 0 ? found : never)(one, ...how);
    const run = start(lease([item(0), item(1)]), half, settler);
    await vi.advanceTimersByTimeAsync(PART_INTERVAL_MS);
    expect(await run.ended).toEqual({ outcome: "stale" });
    expect(settled).toHaveLength(1);
  });

  test("is given back when its time is up", async () => {
    const { settler } = fakeSettler();
    const run = start(lease([item(0)]), never, settler);
    await vi.advanceTimersByTimeAsync(CHUNK_BUDGET_MS);
    expect(await run.ended).toEqual({ outcome: "untouched" });
  });

  test("leaves items alone that are not due, and comes back when the first of them is", async () => {
    const { settled, settler } = fakeSettler(() => ({ outcome: "rest", drained: false, job: "j" }));
    const asked: number[] = [];
    const [soon, later] = [Date.now() + 60_000, Date.now() + 90_000];
    const noting: Behaviour = (one, ...how) => {
      asked.push(one.n);
      return found(one, ...how);
    };
    const run = start(lease([item(0), item(1, { due: later }), item(2, { due: soon })]), noting, settler);
    expect(await run.ended).toMatchObject({ outcome: "rest", againAtMs: soon });
    expect(asked).toEqual([0]);
    expect(settled).toMatchObject([{ results: [{ n: 0 }], rest: [], againAtMs: soon }]);
  });

  test("defers with news, to the source address most items were asked from", async () => {
    const { settled, settler } = fakeSettler();
    const due = Date.now() + 60_000;
    const deferring: Behaviour = (one) => ({
      kind: "deferred",
      item: { ...one, tries: 1, due: due + one.n },
      provisional: verdictFor(one.email),
      source: one.n === 0 ? "192.0.2.1" : "192.0.2.2",
    });
    const run = start(lease([item(0), item(1), item(2)]), deferring, settler);
    expect(await run.ended).toMatchObject({ outcome: "rest" });
    expect(settled).toMatchObject([
      { againAtMs: due, sticky: { probe: "p1", source: "192.0.2.2" }, rest: [{ n: 0, tries: 1 }, { n: 1 }, { n: 2 }] },
    ]);
  });

  test("asks from the sticky source only when it is this probe's own", async () => {
    const sources: (string | null)[] = [];
    const { settler } = fakeSettler();
    const checker = fakeChecker(found);
    const spying = {
      ...checker,
      checkMany: ((items, options, on) => {
        sources.push(options.source);
        return checker.checkMany(items, options, on);
      }) as typeof checker.checkMany,
    };
    for (const probe of ["p1", "p2"]) {
      const sticky = { probe, source: "192.0.2.9" };
      const deps = { checker: spying, settler, probe: "p1", now: Date.now, lastCall: new AbortController().signal };
      await runChunk(lease([item(0)], { sticky }), deps).ended;
    }
    expect(sources).toEqual(["192.0.2.9", null]);
  });

  test("that could not be settled before the end is given up", async () => {
    const { settler } = fakeSettler(() => null);
    expect(await start(lease([item(0)]), found, settler).ended).toEqual({ outcome: "given_up" });
  });

  test("leaves no timer behind", async () => {
    const { settler } = fakeSettler();
    await start(lease([item(0)]), found, settler).ended;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("trouble that may be about this network", () => {
  const provisional = { ...verdictFor("x@example.net"), status: "unknown" as const, reason: "connect_failed" as const };
  const blocked: Behaviour = (one) => ({
    kind: "final",
    verdict: { ...verdictFor(one.email), status: "unknown", reason: "probe_blocklisted" },
    elsewhere: true,
  });
  const unreachable: Behaviour = (one) => ({
    kind: "deferred",
    item: { ...one, tries: 1, due: 600_000, first: 1 },
    provisional,
    source: "192.0.2.1",
    elsewhere: true,
  });

  test("is settled as opinions, with what holds if nobody else is asked", async () => {
    const { settled, settler } = fakeSettler();
    const mixed: Behaviour = (one, ...how) => [found, blocked, unreachable][one.n]?.(one, ...how) ?? null;
    await start(lease([item(0), item(1), item(2)]), mixed, settler).ended;
    expect(settled).toMatchObject([
      {
        results: [{ n: 0 }],
        rest: [],
        opinions: [
          { item: { n: 1, due: 0 }, domain: "example.net", otherwise: { verdict: { reason: "probe_blocklisted" } } },
          { item: { n: 2, due: 600_000 }, otherwise: { rest: { n: 2, tries: 1, due: 600_000 } } },
        ],
      },
    ]);
  });

  test("is not passed on a second time", async () => {
    const { settled, settler } = fakeSettler();
    const asked = [item(0, { asked: ["us"] }), item(1, { asked: ["us"] })];
    await start(lease(asked), (one, ...how) => [blocked, unreachable][one.n]?.(one, ...how) ?? null, settler).ended;
    expect(settled).toMatchObject([{ results: [{ n: 0 }], rest: [{ n: 1, asked: ["us"] }], opinions: [] }]);
  });

  test("waits for the end of a chunk that settles in parts", async () => {
    const { settled, settler } = fakeSettler();
    const gate = Promise.withResolvers<void>();
    const run = start(
      lease([item(0), item(1), item(2)]),
      async (one, ...how) => {
        if (one.n === 2) await gate.promise;
        return one.n === 1 ? blocked(one, ...how) : found(one, ...how);
      },
      settler,
    );
    await vi.advanceTimersByTimeAsync(PART_INTERVAL_MS);
    gate.resolve();
    await run.ended;
    expect(settled).toMatchObject([
      { hold: true, results: [{ n: 0 }], opinions: [] },
      { hold: false, results: [{ n: 2 }], opinions: [{ item: { n: 1 } }] },
    ]);
  });
});
