import { expect, test } from "vitest";
import { breakersOf, describeFleet } from "../../../edge/fleet/describe.ts";
import type { HubView, ProbeView } from "../../../edge/hub/rpc.ts";

const BLOCKED = { operator: "google", source: "192.0.2.1", state: "open", untilMs: 1_800_000_000_000 };

const seat = (changes: Partial<ProbeView> = {}): ProbeView => ({
  id: "probe-1",
  region: "eu",
  build: "1",
  sources: ["192.0.2.1"],
  capabilities: [],
  state: "online",
  window: 1_000,
  slots: 32,
  leased_addresses: 10,
  leases: 1,
  tasks: 2,
  seen_at_ms: 1_000,
  report: { checked: 5, breakers: [BLOCKED] },
  ...changes,
});

const hub = (name: string, ...probes: ProbeView[]): HubView => ({
  hub: name,
  lanes: {
    realtime: { chunks: 0, addresses: 0, oldest_ms: 0 },
    high: { chunks: 0, addresses: 0, oldest_ms: 0 },
    normal: { chunks: 0, addresses: 0, oldest_ms: 0 },
    low: { chunks: 0, addresses: 0, oldest_ms: 0 },
  },
  leases: 0,
  leased_addresses: 0,
  tasks: 0,
  lost: 0,
  ignored_frames: 0,
  probes,
});

const enrolled = (id: string, changes: object = {}) => ({
  id,
  region: "eu",
  name: `name of ${id}`,
  created_at: "2026-11-20T00:00:00Z",
  revoked_at: null,
  quarantines: [],
  ...changes,
});

test("a probe at several hubs is one probe: shares add up, the newest report counts", () => {
  const hubs = [
    hub("hub:eu:0", seat({ report: { checked: 4 } })),
    hub("hub:eu:1", seat({ seen_at_ms: 2_000, report: { checked: 6, breakers: [BLOCKED] } })),
  ];
  const described = describeFleet([enrolled("probe-1")], hubs);
  expect(described).toHaveLength(1);
  expect(described[0]).toMatchObject({
    name: "name of probe-1",
    hubs: ["hub:eu:0", "hub:eu:1"],
    capacity: { addresses: 2_000, real_time: 64 },
    in_flight: { addresses: 20, chunks: 2, real_time: 4 },
    counters: { checked: 6 },
    seen_at: "1970-01-01T00:00:02.000Z",
  });
  expect(breakersOf(hubs)).toEqual([expect.objectContaining({ probe: "probe-1", operator: "google" })]);
});

test.each([
  [["online", "away"], "online"],
  [["away", "draining"], "draining"],
  [["away", "away"], "away"],
] as const)("at hubs that say %j it is %s", (states, expected) => {
  const hubs = states.map((state, shard) => hub(`hub:eu:${shard}`, seat({ state })));
  expect(describeFleet([], hubs)[0]?.state).toBe(expected);
});

test("instances of one credential are probes of their own; a credential without any is offline", () => {
  const hubs = [hub("hub:eu:0", seat({ id: "probe-1.a" }), seat({ id: "probe-1.b" }))];
  const described = describeFleet([enrolled("probe-1"), enrolled("probe-2")], hubs);
  expect(described.map(({ id, state }) => [id, state])).toEqual([
    ["probe-1.a", "online"],
    ["probe-1.b", "online"],
    ["probe-2", "offline"],
  ]);
});

test("revoked and quarantined come before what the connection says", () => {
  const out = { source: "", reason: "x", since: "2026-11-20T00:00:00Z" };
  const states = describeFleet(
    [
      enrolled("probe-1", { quarantines: [out] }),
      enrolled("probe-2", { revoked_at: "2026-11-20T00:00:00Z", quarantines: [out] }),
      enrolled("probe-3", { quarantines: [{ ...out, source: "192.0.2.1" }] }),
    ],
    [hub("hub:eu:0", seat(), seat({ id: "probe-3" }))],
  );
  const byId = new Map(states.map(({ id, state }) => [id, state]));
  expect(byId).toEqual(
    new Map([
      ["probe-1", "quarantined"],
      ["probe-3", "online"],
      ["probe-2", "revoked"],
    ]),
  );
});
