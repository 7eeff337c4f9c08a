import { expect, test } from "vitest";
import type { HubCommand } from "../../../edge/hub/commands.ts";
import { type HubEvent, step } from "../../../edge/hub/machine.ts";
import { createHub, type HubState } from "../../../edge/hub/state.ts";
import { CLOSE, type ProbeFrame, WIRE_VERSION } from "../../../shared/wire/frames.ts";

const NOW = 1_800_000_000_000;

const hello = (probe: string): ProbeFrame => ({
  t: "hello",
  v: WIRE_VERSION,
  probe,
  build: "test",
  region: "eu",
  sources: [{ address: "192.0.2.1", helo: "a.example.net" }],
  slots: 2,
  window: 100,
  capabilities: ["quarantine"],
  leases: [],
});

function join(hub: HubState, probe: string): HubCommand[] {
  const session = `session of ${probe}`;
  step(hub, { t: "opened", session, credential: probe, region: "eu" }, NOW);
  return step(hub, { t: "frame", session, frame: hello(probe) }, NOW);
}

/** A chunk that has come from Postgres. */
const refilled = (id: string): HubEvent => ({
  t: "refilled",
  asked: 100,
  reclaimed: [],
  chunks: [{ seq: 1, id, tenant: "t", job: "j", lane: 2, domain: "example.org", size: 10, sticky: null }],
  nextDueMs: NOW,
});

test("an expelled probe's connection is closed and what it held is given back at once, without any grace", () => {
  const hub = createHub(NOW);
  join(hub, "p1");
  const leased = step(hub, refilled("chunk-1"), NOW);
  expect(leased).toContainEqual(expect.objectContaining({ c: "lease", probe: "p1", chunk: "chunk-1" }));
  const commands = step(hub, { t: "expel", probe: "p1" }, NOW + 1);
  expect(commands).toContainEqual(expect.objectContaining({ c: "close", code: CLOSE.badToken }));
  expect(commands).toContainEqual({ c: "lose", seq: 1 });
  expect(commands).toContainEqual({ c: "forget", probe: "p1" });
  expect(hub.lost.has("chunk-1")).toBe(true);
  expect(hub.probes.size).toBe(0);
});

test("what an expelled probe still says is ignored", () => {
  const hub = createHub(NOW);
  join(hub, "p1");
  step(hub, { t: "expel", probe: "p1" }, NOW);
  const said = step(hub, { t: "frame", session: "session of p1", frame: { t: "draining" } }, NOW);
  expect(said).toEqual([]);
});

test("expelling nobody does nothing", () => {
  const hub = createHub(NOW);
  join(hub, "p1");
  expect(step(hub, { t: "expel", probe: "p2" }, NOW)).toEqual([]);
  expect(hub.probes.size).toBe(1);
});
