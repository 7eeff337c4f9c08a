import { afterAll, beforeAll, expect, test } from "vitest";
import { type HubStand, startHub, uuidv7 } from "../../../dev/hub/stand.ts";
import { type FleetMember, joinFleet } from "../../../probe/link/fleet.ts";
import { createSettler, type Settler } from "../../../probe/settle/settle.ts";
import { fakeChecker } from "../../probe/link/fakes.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";

const WINDOW = 1_000;
const LARGE_CHUNKS = 2_000;
const LARGE_CHUNK_SIZE = 100;

let database: TestDatabase;
let hub: HubStand;
let settler: Settler;
let member: FleetMember;

beforeAll(async () => {
  database = await freshDatabase();
  hub = await startHub(database);
  settler = createSettler(database.roleUrl("probe"), () => {});
});
afterAll(async () => {
  await hub.sql.query("DELETE FROM chunks WHERE state <> 'done'");
  member.drain("test over");
  await member.ended;
  await settler.close();
  await hub.close();
  await database.drop();
});

/** Joins with a checker that takes a moment for each chunk, so that windows stay full. */
function join(): Promise<unknown> {
  const welcomed = Promise.withResolvers<unknown>();
  member = joinFleet(
    {
      edgeUrl: hub.url,
      token: hub.token,
      shard: null,
      me: { probe: "p1", build: "test", region: "eu", sources: [], slots: 4, window: WINDOW, capabilities: [] },
      onWelcome: welcomed.resolve,
      onLoss: () => {},
    },
    { checker: fakeChecker(), settler, now: Date.now, drainFinishMs: 50, log: () => {} },
  );
  return welcomed.promise;
}

async function planLarge(tenant: string): Promise<void> {
  await hub.sql.query(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, domain, items, open_items)
     SELECT gen_random_uuid(), $1, $2, 'job', 'hub:eu:0', 2, 'd' || c % 50 || '.example',
            (SELECT jsonb_agg(jsonb_build_object('n', c * $4 + i, 'email', 'user' || i || '@d' || c % 50 || '.example')) FROM generate_series(1, $4) i), $4
       FROM generate_series(1, $3) c`,
    [tenant, uuidv7(), LARGE_CHUNKS, LARGE_CHUNK_SIZE],
  );
}

const done = async (tenant: string): Promise<number> => {
  const { rows } = await hub.sql.query<{ n: number }>(
    "SELECT coalesce(sum(settled), 0)::int AS n FROM chunks WHERE tenant_id = $1",
    [tenant],
  );
  return rows[0]?.n ?? 0;
};

async function until(ask: () => Promise<boolean>): Promise<void> {
  while (!(await ask())) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("ten addresses of a small tenant overtake 200,000 of a large one that came before", async () => {
  const [large, small] = [await hub.tenant(), await hub.tenant()];
  await planLarge(large);
  await join();
  await hub.call("wake");
  // The hub has taken as much of the large tenant as it holds, and its probe is full of it.
  await until(async () => (await done(large)) >= 2 * WINDOW);
  const before = await done(large);
  await hub.plan(
    small,
    Array.from({ length: 10 }, (_, i) => `user${i}@example.net`),
  );
  await hub.call("wake");
  await until(async () => (await done(small)) === 10);
  const meanwhile = (await done(large)) - before;
  // What the hub held and the window when the ten came, one refill on its way, and what a busy machine adds to that.
  expect(meanwhile).toBeLessThan(12 * WINDOW);
  expect(before + meanwhile).toBeLessThan((LARGE_CHUNKS * LARGE_CHUNK_SIZE) / 2);
});
