import type { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ChunkSeed, connect, makeChunk, makeTenant, only } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

type Taken = {
  id: string;
  ticket: string;
  tenant_id: string;
  lane: number;
  open_items: number;
  items: { n: number }[];
};

const HUB = "hub:eu:0";
let db: TestDatabase;
let admin: Client;
let hub: Client;
let other: Client;

beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  hub = await connect(db.roleUrl("dispatcher"));
  other = await connect(db.roleUrl("dispatcher"));
});
beforeEach(async () => {
  await admin.query("TRUNCATE chunks, hub_turns");
});
afterAll(async () => {
  await Promise.all([admin, hub, other].map((client) => client.end()));
  await db.drop();
});

async function refill(client: Client, room: number, perTenant: number, name = HUB): Promise<Taken[]> {
  const { rows } = await client.query<Taken>("SELECT * FROM refill($1, $2, $3)", [name, room, perTenant]);
  return rows;
}

async function plan(count: number, seed: ChunkSeed): Promise<void> {
  for (let i = 0; i < count; i++) await makeChunk(admin, { state: "planned", ...seed });
}

async function tenants(count: number): Promise<string[]> {
  const made: string[] = [];
  for (let i = 0; i < count; i++) made.push(await makeTenant(admin));
  return made;
}

const items = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function tally(taken: readonly Taken[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { tenant_id } of taken) counts.set(tenant_id, (counts.get(tenant_id) ?? 0) + 1);
  return counts;
}

describe("refill", () => {
  it("takes due chunks with their addresses and marks them out", async () => {
    const [tenant = ""] = await tenants(1);
    const chunk = await makeChunk(admin, { tenant, state: "planned", items: [3, 4] });
    const taken = only(await refill(hub, 100, 5));
    expect(taken).toMatchObject({ id: chunk.id, tenant_id: tenant, open_items: 2, lane: 2 });
    expect(taken.items.map((item) => item.n)).toEqual([3, 4]);
    const { rows } = await admin.query("SELECT state, ticket, out_at IS NOT NULL AS out FROM chunks");
    expect(rows).toEqual([{ state: "out", ticket: taken.ticket, out: true }]);
  });

  it("gives every chunk a new ticket when it leaves", async () => {
    const [tenant = ""] = await tenants(1);
    const chunk = await makeChunk(admin, { tenant, state: "planned" });
    const taken = only(await refill(hub, 100, 5));
    expect(taken.ticket).not.toBe(chunk.ticket);
  });

  it("takes nothing twice, nothing of another hub and nothing that is not due", async () => {
    const [tenant = ""] = await tenants(1);
    await plan(1, { tenant, hub: "hub:us:0" });
    await plan(1, { tenant, dueInMs: 60_000 });
    await plan(1, { tenant });
    expect(await refill(hub, 1000, 10)).toHaveLength(1);
    expect(await refill(hub, 1000, 10)).toHaveLength(0);
    expect(await refill(hub, 1000, 10, "hub:us:0")).toHaveLength(1);
  });

  it("takes at most so many chunks of each tenant", async () => {
    const [a = "", b = ""] = await tenants(2);
    await plan(6, { tenant: a });
    await plan(2, { tenant: b });
    expect(tally(await refill(hub, 1000, 3))).toEqual(
      new Map([
        [a, 3],
        [b, 2],
      ]),
    );
  });

  it("stops when the room is taken; only the last chunk may reach beyond", async () => {
    const [tenant = ""] = await tenants(1);
    await plan(5, { tenant, items: items(40) });
    const taken = await refill(hub, 100, 10);
    expect(taken.map((chunk) => chunk.open_items)).toEqual([40, 40, 40]);
    expect(await refill(hub, 0, 10)).toEqual([]);
  });

  it("serves urgent lanes first, and what is left of the room goes to the next lane", async () => {
    const [tenant = ""] = await tenants(1);
    for (const lane of [3, 2, 0, 1]) await plan(1, { tenant, lane, items: items(10) });
    const lanes = (await refill(hub, 25, 5)).map((chunk) => chunk.lane);
    expect(lanes).toEqual([0, 1, 2]);
    expect((await refill(hub, 25, 5)).map((chunk) => chunk.lane)).toEqual([3]);
  });

  it("gives one chunk to each tenant before anybody gets a second", async () => {
    const all = await tenants(8);
    for (const tenant of all) await plan(3, { tenant, items: items(10) });
    const taken = await refill(hub, 120, 3);
    expect(taken).toHaveLength(12);
    expect(new Set(taken.slice(0, 8).map((chunk) => chunk.tenant_id)).size).toBe(8);
    expect(Math.max(...tally(taken).values())).toBe(2);
  });

  it("goes on with the next tenant when one call has not room for all, so that a big one starves nobody", async () => {
    const all = await tenants(9);
    for (const tenant of all) await plan(6, { tenant, items: items(10) });
    const served = new Map(all.map((tenant) => [tenant, 0]));
    for (let call = 0; call < 12; call++) {
      for (const { tenant_id } of await refill(hub, 30, 2)) served.set(tenant_id, (served.get(tenant_id) ?? 0) + 1);
    }
    expect([...served.values()]).toEqual(all.map(() => 4));
  });

  it("takes the longest due chunk of a tenant first", async () => {
    const [tenant = ""] = await tenants(1);
    for (const dueInMs of [-1000, -3000, -2000]) await plan(1, { tenant, dueInMs, items: [-dueInMs] });
    const order: number[] = [];
    for (let call = 0; call < 3; call++) order.push(only(await refill(hub, 1, 1)).items[0]?.n ?? 0);
    expect(order).toEqual([3000, 2000, 1000]);
  });

  it("skips chunks that another call holds instead of waiting for it", async () => {
    const all = await tenants(3);
    for (const tenant of all) await plan(4, { tenant });
    await admin.query("BEGIN");
    const held = await admin.query<{ id: string }>(
      "SELECT id FROM chunks WHERE tenant_id = $1 ORDER BY not_before FOR UPDATE LIMIT 4",
      [all[0]],
    );
    const taken = await refill(hub, 1000, 10);
    expect(taken).toHaveLength(8);
    await admin.query("COMMIT");
    expect((await refill(hub, 1000, 10)).map((chunk) => chunk.id).sort()).toEqual(
      held.rows.map((row) => row.id).sort(),
    );
  });

  it("hands each chunk to exactly one of two hubs' calls that race", async () => {
    const all = await tenants(5);
    for (const tenant of all) await plan(8, { tenant });
    const taken: Taken[] = [];
    const drain = async (client: Client): Promise<void> => {
      for (let got = await refill(client, 6, 2); got.length > 0; got = await refill(client, 6, 2)) taken.push(...got);
    };
    await Promise.all([drain(hub), drain(other)]);
    await drain(hub);
    expect(taken).toHaveLength(40);
    expect(new Set(taken.map((chunk) => chunk.id)).size).toBe(40);
  });
});

describe("the sweep", () => {
  it("names the hubs that have something due", async () => {
    const [tenant = ""] = await tenants(1);
    await plan(2, { tenant, hub: "hub:a:0" });
    await plan(1, { tenant, hub: "hub:b:0", dueInMs: 60_000 });
    await plan(1, { tenant, hub: "hub:c:0", lane: 0 });
    await makeChunk(admin, { tenant, hub: "hub:d:0", state: "out" });
    const { rows } = await hub.query("SELECT hub FROM due_hubs() ORDER BY 1");
    expect(rows).toEqual([{ hub: "hub:a:0" }, { hub: "hub:c:0" }]);
  });

  it("finds chunks that have been out for long, oldest first", async () => {
    const [tenant = ""] = await tenants(1);
    const ages = [5, 20, 15];
    const ids: string[] = [];
    for (const age of ages) {
      const { id } = await makeChunk(admin, { tenant, state: "out" });
      await admin.query("UPDATE chunks SET out_at = now() - $2 * interval '1 minute' WHERE id = $1", [id, age]);
      ids.push(id);
    }
    const { rows } = await hub.query<{ id: string }>("SELECT id FROM stale_chunks(600000, 10)");
    expect(rows.map((row) => row.id)).toEqual([ids[1], ids[2]]);
  });

  it("plans a lost chunk again under a new ticket, unless it has moved on", async () => {
    const [tenant = ""] = await tenants(1);
    const lost = await makeChunk(admin, { tenant, state: "out" });
    const moved = await makeChunk(admin, { tenant, state: "out" });
    await admin.query("UPDATE chunks SET ticket = gen_random_uuid() WHERE id = $1", [moved.id]);
    const named = JSON.stringify([lost, moved].map(({ id, ticket }) => ({ id, ticket })));
    expect(only((await hub.query("SELECT replan($1) AS n", [named])).rows)).toEqual({ n: 1 });
    expect(only((await hub.query("SELECT replan($1) AS n", [named])).rows)).toEqual({ n: 0 });
    const { rows } = await admin.query("SELECT id FROM chunks WHERE state = 'planned' AND ticket <> $1", [lost.ticket]);
    expect(rows).toEqual([{ id: lost.id }]);
  });
});
