import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connect, makeTenant, only } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

type Claimed = { id: string; endpoint_id: string; tenant_id: string; attempts: number; url: string; payload: unknown };

let db: TestDatabase;
let admin: Client;
let courier: Client;
let second: Client;
let tenant: string;

beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  courier = await connect(db.roleUrl("courier"));
  second = await connect(db.roleUrl("courier"));
});
beforeEach(async () => {
  await admin.query("TRUNCATE deliveries, events, webhook_endpoints, delivery_attempts");
  tenant = await makeTenant(admin);
});
afterAll(async () => {
  await Promise.all([admin, courier, second].map((client) => client.end()));
  await db.drop();
});

async function makeEndpoint(deliveries: number, state = "active"): Promise<string> {
  const id = randomUUID();
  await admin.query(
    `INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets, state)
     VALUES ($1, $2, 'https://a.example', '{t}', '["sealed"]', $3)`,
    [id, tenant, state],
  );
  await admin.query(
    `WITH e AS (INSERT INTO events (id, tenant_id, type, payload) SELECT gen_random_uuid(), $1, 't', jsonb_build_object('i', i) FROM generate_series(1, $3) i RETURNING id)
     INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id) SELECT gen_random_uuid(), $1, e.id, $2 FROM e`,
    [tenant, id, deliveries],
  );
  return id;
}

async function claim(
  client: Client,
  cap: number,
  most: number,
  inFlight: Record<string, number> = {},
): Promise<Claimed[]> {
  const values = [cap, most, JSON.stringify(inFlight)];
  return (await client.query<Claimed>("SELECT * FROM claim_deliveries($1, $2, 60000, $3)", values)).rows;
}

async function record(outcomes: readonly Record<string, unknown>[]): Promise<number> {
  const full = outcomes.map((outcome) => ({ at: "2026-11-20T10:00:00Z", duration_ms: 5, ...outcome }));
  const { rows } = await courier.query<{ n: number }>("SELECT record_attempts($1) AS n", [JSON.stringify(full)]);
  return only(rows).n;
}

async function delivery(id: string): Promise<Record<string, unknown>> {
  return only((await admin.query("SELECT * FROM deliveries WHERE id = $1", [id])).rows);
}

describe("claim_deliveries", () => {
  it("hands out all that is needed to send, and hides it for the lease", async () => {
    const endpoint = await makeEndpoint(1);
    const claimed = only(await claim(courier, 5, 10));
    expect(claimed).toMatchObject({
      endpoint_id: endpoint,
      tenant_id: tenant,
      attempts: 1,
      url: "https://a.example",
      payload: { i: 1 },
    });
    expect(await claim(courier, 5, 10)).toEqual([]);
    await admin.query("UPDATE deliveries SET next_at = now()");
    expect(only(await claim(courier, 5, 10)).attempts).toBe(2);
  });

  it("keeps each endpoint within its cap, counting what is in flight there", async () => {
    const slow = await makeEndpoint(9);
    const quick = await makeEndpoint(9);
    const claimed = await claim(courier, 4, 100, { [slow]: 3 });
    const of = (endpoint: string) => claimed.filter((row) => row.endpoint_id === endpoint).length;
    expect([of(slow), of(quick)]).toEqual([1, 4]);
    expect(await claim(courier, 4, 100, { [slow]: 4, [quick]: 7 })).toEqual([]);
  });

  it("claims at most what it is asked for", async () => {
    for (let i = 0; i < 3; i++) await makeEndpoint(5);
    expect(await claim(courier, 4, 7)).toHaveLength(7);
  });

  it("claims nothing for a disabled endpoint and nothing that is not due or done", async () => {
    await makeEndpoint(2, "disabled");
    const endpoint = await makeEndpoint(3);
    await admin.query(
      `UPDATE deliveries SET next_at = now() + interval '1 hour' WHERE id = (SELECT id FROM deliveries WHERE endpoint_id = $1 ORDER BY id LIMIT 1)`,
      [endpoint],
    );
    await admin.query(
      `UPDATE deliveries SET state = 'dead' WHERE id = (SELECT id FROM deliveries WHERE endpoint_id = $1 ORDER BY id DESC LIMIT 1)`,
      [endpoint],
    );
    expect(await claim(courier, 10, 10)).toHaveLength(1);
  });

  it("gives each delivery to one of two couriers that race", async () => {
    for (let i = 0; i < 4; i++) await makeEndpoint(25);
    const taken: string[] = [];
    const work = async (client: Client): Promise<void> => {
      for (let got = await claim(client, 5, 10); got.length > 0; got = await claim(client, 5, 10)) {
        taken.push(...got.map((row) => row.id));
      }
    };
    await Promise.all([work(courier), work(second)]);
    expect(taken).toHaveLength(100);
    expect(new Set(taken).size).toBe(100);
  });
});

describe("record_attempts", () => {
  it("keeps the attempt and moves the delivery on, many at a time", async () => {
    await makeEndpoint(3);
    const [a, b, c] = await claim(courier, 5, 10);
    if (a === undefined || b === undefined || c === undefined) throw new Error("three");
    const later = "2026-11-20T11:00:00.000Z";
    const moved = await record([
      { id: a.id, attempt_no: 1, status_code: 200, state: "delivered", response: "ok" },
      { id: b.id, attempt_no: 1, status_code: 500, state: "pending", next_at: later, error: "http 500" },
      { id: c.id, attempt_no: 1, state: "dead", error: "gone" },
    ]);
    expect(moved).toBe(3);
    expect(await delivery(a.id)).toMatchObject({ state: "delivered", last_status: 200, finished_at: expect.any(Date) });
    expect(await delivery(b.id)).toMatchObject({
      state: "pending",
      next_at: new Date(later),
      last_error: "http 500",
      finished_at: null,
    });
    expect(await delivery(c.id)).toMatchObject({ state: "dead" });
    const { rows } = await admin.query("SELECT tenant_id, attempt_no FROM delivery_attempts");
    expect(rows).toEqual([1, 2, 3].map(() => ({ tenant_id: tenant, attempt_no: 1 })));
  });

  it("records the late outcome of a lost lease, but moves nothing", async () => {
    await makeEndpoint(1);
    const first = only(await claim(courier, 5, 10));
    await admin.query("UPDATE deliveries SET next_at = now()");
    const again = only(await claim(second, 5, 10));
    expect(again.attempts).toBe(2);
    expect(await record([{ id: first.id, attempt_no: 1, state: "dead" }])).toBe(0);
    expect(await delivery(first.id)).toMatchObject({ state: "pending" });
    expect(await record([{ id: first.id, attempt_no: 2, state: "delivered" }])).toBe(1);
  });

  it("changes nothing when it is repeated", async () => {
    await makeEndpoint(1);
    const { id } = only(await claim(courier, 5, 10));
    const outcome = { id, attempt_no: 1, state: "delivered", status_code: 200 };
    expect([await record([outcome]), await record([outcome])]).toEqual([1, 0]);
    expect((await admin.query("SELECT 1 FROM delivery_attempts")).rowCount).toBe(1);
  });
});
