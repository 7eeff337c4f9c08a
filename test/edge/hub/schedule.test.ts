import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLanes, enqueue, inTurn, type Queued, serve } from "../../../edge/hub/lanes.ts";
import { LANE_WEIGHTS } from "../../../edge/hub/limits.ts";
import { HubBench } from "./bench.ts";

/** Serves the queue in order, one chunk at a time. */
function* served(lanes: ReturnType<typeof createLanes<Queued>>): Generator<Queued> {
  for (;;) {
    const [next] = inTurn(lanes) ?? [];
    if (next === undefined) return;
    serve(lanes, next);
    yield next;
  }
}

describe("lanes and tenants", () => {
  test("a tenant with ten addresses is not kept waiting by one with 200,000", () => {
    const lanes = createLanes<Queued>();
    for (let i = 0; i < 1_000; i++) enqueue(lanes, { id: `big${i}`, lane: 2, tenant: "big", size: 200 });
    const order = served(lanes);
    for (let i = 0; i < 100; i++) order.next();
    enqueue(lanes, { id: "small", lane: 2, tenant: "small", size: 10 });
    let addresses = 0;
    for (const chunk of order) {
      if (chunk.tenant === "small") break;
      addresses += chunk.size;
    }
    expect(addresses).toBeLessThanOrEqual(1_000);
  });

  test("tenants that always have work get equal addresses, whatever the size of their chunks", () => {
    const lanes = createLanes<Queued>();
    const sizes = { a: 500, b: 200, c: 7 };
    for (const [tenant, size] of Object.entries(sizes)) {
      for (let i = 0; i < 60_000 / size; i++) enqueue(lanes, { id: `${tenant}${i}`, lane: 1, tenant, size });
    }
    const got: Record<string, number> = { a: 0, b: 0, c: 0 };
    let total = 0;
    for (const chunk of served(lanes)) {
      got[chunk.tenant] = (got[chunk.tenant] ?? 0) + chunk.size;
      total += chunk.size;
      if (total > 90_000) break;
    }
    for (const tenant of Object.keys(sizes)) expect(Math.abs((got[tenant] ?? 0) - 30_000)).toBeLessThan(1_500);
  });

  test("lanes share by weight, and the low one always moves", () => {
    const lanes = createLanes<Queued>();
    for (let lane = 0; lane < 4; lane++) {
      for (let i = 0; i < 1_000; i++) enqueue(lanes, { id: `${lane}/${i}`, lane, tenant: "t", size: 100 });
    }
    const got = [0, 0, 0, 0];
    let total = 0;
    for (const chunk of served(lanes)) {
      got[chunk.lane] = (got[chunk.lane] ?? 0) + chunk.size;
      total += chunk.size;
      if (total >= 58_000) break;
    }
    const sum = LANE_WEIGHTS.reduce((a, b) => a + b, 0);
    LANE_WEIGHTS.forEach((weight, lane) => {
      expect(Math.abs((got[lane] ?? 0) - (58_000 * weight) / sum)).toBeLessThan(500);
    });
  });

  test("every chunk is served exactly once, in order within its tenant and lane", () => {
    const chunk = fc.record({
      lane: fc.nat(3),
      tenant: fc.constantFrom("a", "b", "c"),
      size: fc.integer({ min: 1, max: 500 }),
    });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 200 }), (list) => {
        const lanes = createLanes<Queued>();
        const chunks = list.map((one, i) => ({ ...one, id: String(i) }));
        for (const one of chunks) enqueue(lanes, one);
        const order = [...served(lanes)];
        expect(order.map((one) => one.id).sort()).toEqual(chunks.map((one) => one.id).sort());
        for (const lane of [0, 1, 2, 3]) {
          for (const tenant of ["a", "b", "c"]) {
            const ids = order.filter((one) => one.lane === lane && one.tenant === tenant).map((one) => Number(one.id));
            expect(ids).toEqual([...ids].sort((x, y) => x - y));
          }
        }
        for (const lane of lanes) expect([lane.chunks, lane.addresses, lane.ring.size]).toEqual([0, 0, 0]);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe("affinity", () => {
  const fleet = (count: number, window = 10_000) => {
    const hub = new HubBench();
    for (let i = 0; i < count; i++) hub.join(`p${i}`, { window });
    return hub;
  };
  const chunksOf = (domains: number, each: number) =>
    Array.from({ length: domains * each }, (_, i) => ({
      id: `d${i % domains}/${i}`,
      domain: `d${i % domains}.example`,
      size: 50,
    }));
  const byDomain = (hub: HubBench) => {
    const homes = new Map<string, Set<string>>();
    for (const [chunk, probe] of Object.entries(hub.holders())) {
      const domain = chunk.split("/")[0] ?? "";
      homes.set(domain, (homes.get(domain) ?? new Set()).add(probe));
    }
    return homes;
  };

  test("chunks of one domain go to one probe while there is room", () => {
    const hub = fleet(8);
    hub.fill(chunksOf(40, 4));
    for (const homes of byDomain(hub).values()) expect(homes.size).toBe(1);
    expect(new Set(Object.values(hub.holders())).size).toBeGreaterThan(4);
  });

  test("when a probe leaves, only its own domains move", () => {
    const before = fleet(8);
    before.fill(chunksOf(60, 1));
    const after = fleet(8);
    after.feed({ t: "closed", session: "p3" });
    after.fill(chunksOf(60, 1));
    const moved = Object.entries(before.holders()).filter(([chunk, probe]) => after.holders()[chunk] !== probe);
    expect(moved.length).toBeGreaterThan(0);
    expect(new Set(moved.map(([, probe]) => probe))).toEqual(new Set(["p3"]));
  });

  test("a provider that is half of a list is shared out instead of filling one probe", () => {
    const hub = fleet(4, 2_000);
    hub.fill(Array.from({ length: 160 }, (_, i) => ({ id: `g/${i}`, domain: "big.example", size: 50 })));
    const loads = [...hub.state.probes.values()].map((probe) => probe.leased);
    expect(Math.min(...loads)).toBe(2_000);
  });

  test("a probe with room is never idle while work waits, whoever the work would rather go to", () => {
    const hub = new HubBench();
    hub.join("p0", { window: 100 });
    hub.join("p1", { window: 100 });
    hub.fill(Array.from({ length: 6 }, (_, i) => ({ id: `c/${i}`, domain: "one.example", size: 100 })));
    expect(Object.values(hub.holders()).sort()).toEqual(["p0", "p1"]);
  });

  test("work of many domains goes where there is most room", () => {
    const hub = fleet(4, 1_000);
    hub.fill(Array.from({ length: 20 }, () => ({ domain: "", size: 100 })));
    expect([...hub.state.probes.values()].map((probe) => probe.leased)).toEqual([500, 500, 500, 500]);
  });
});
