import { afterAll, beforeAll, expect, test } from "vitest";
import { type HubStand, startHub } from "../../../dev/hub/stand.ts";
import { hubOfDomain } from "../../../edge/hub/rpc.ts";
import { joinFleet } from "../../../probe/link/fleet.ts";
import { createSettler } from "../../../probe/settle/settle.ts";
import { fakeChecker } from "../../probe/link/fakes.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let hub: HubStand;

beforeAll(async () => {
  database = await freshDatabase();
  hub = await startHub(database, 3);
});
afterAll(async () => {
  await hub.close();
  await database.drop();
});

test("one probe serves every hub of its region, with its window shared among them", async () => {
  const settler = createSettler(database.roleUrl("probe"), () => {});
  const tenant = await hub.tenant();
  const chunks: string[] = [];
  for (const shard of [0, 1, 2]) {
    chunks.push((await hub.plan(tenant, ["a@example.net", "b@example.net"], { hub: `hub:eu:${shard}` })).chunk);
  }
  const welcomes: string[] = [];
  const me = { probe: "p1", build: "test", region: "eu", sources: [], slots: 4, window: 100, capabilities: [] };
  const member = joinFleet(
    {
      edgeUrl: hub.url,
      token: hub.token,
      shard: null,
      me,
      onWelcome: (session) => welcomes.push(session),
      onLoss: () => {},
      onQuarantine: () => {},
    },
    { checker: fakeChecker(), settler, now: Date.now, drainFinishMs: 50, log: () => {} },
  );
  const done = "SELECT count(*)::integer AS n FROM chunks WHERE state = 'done' AND id = ANY ($1)";
  while ((await hub.sql.query(done, [chunks])).rows[0].n < 3) await hub.sql.query("SELECT pg_sleep(0.02)");
  expect(welcomes).toHaveLength(3);
  expect((await hub.call("view")).probes).toMatchObject([{ id: "p1", window: 34, slots: 2 }]);
  member.drain("test over");
  expect(await member.ended).toMatchObject({ why: "drained" });
  expect((await hub.call("view")).probes).toEqual([]);
  await settler.close();
});

test("domains are spread evenly over the hubs, and always the same way", () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 3_000; i++) {
    const name = hubOfDomain({ hubShards: 3 }, "eu", `domain${i}.example`);
    expect(hubOfDomain({ hubShards: 3 }, "eu", `domain${i}.example`)).toBe(name);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual(["hub:eu:0", "hub:eu:1", "hub:eu:2"]);
  for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
