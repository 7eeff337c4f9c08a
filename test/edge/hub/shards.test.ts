import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HubStand, startHub } from "../../../dev/hub/stand.ts";
import { shardOf } from "../../../edge/hub/shard.ts";
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

test("domains are spread evenly over the hubs, and lists and single checks go to the same one", async () => {
  const counts = new Map<number, number>();
  const domains = Array.from({ length: 3_000 }, (_, i) => `domain${i}.xn--bcher-kva.example`);
  const { rows } = await hub.sql.query(
    "SELECT d, hub_shard(d, 7) AS shard, hub_shard(d, 1) AS only FROM unnest($1::text[]) d",
    [domains],
  );
  for (const { d, shard, only } of rows) {
    expect([await shardOf(d, 7), await shardOf(d, 1)]).toEqual([shard, only]);
    counts.set(shard, (counts.get(shard) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const count of counts.values()) expect(Math.abs(count - 3_000 / 7)).toBeLessThan(90);
});

test("any domain has the same shard in both worlds", async () => {
  const shards = fc.integer({ min: 1, max: 1_000 });
  const cases = fc.sample(fc.tuple(fc.domain(), shards), { numRuns: 300, seed: 5 });
  const { rows } = await hub.sql.query(
    "SELECT hub_shard(d, n) AS shard FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY x (d, n, o) ORDER BY o",
    [cases.map(([domain]) => domain), cases.map(([, n]) => n)],
  );
  expect(rows.map((row) => row.shard)).toEqual(await Promise.all(cases.map(([domain, n]) => shardOf(domain, n))));
});
