import { randomUUID } from "node:crypto";
import { neon, neonConfig } from "@neondatabase/serverless";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NeonShim, startNeonShim } from "../../dev/neon-shim.ts";
import { connect, makeTenant } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let shim: NeonShim;
let admin: Client;
beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  shim = await startNeonShim();
  neonConfig.fetchEndpoint = () => shim.url;
});
afterAll(async () => {
  await shim.close();
  await admin.end();
  await db.drop();
});

describe("the Neon endpoint, through Neon's own driver", () => {
  it("returns every type as the driver knows it", async () => {
    const sql = neon(db.superuserUrl);
    const rows =
      await sql`SELECT 1::smallint AS s, 2::bigint AS b, true AS t, NULL AS n, 'x'::text AS x, '{"a":1}'::jsonb AS j,
      ARRAY['a,"b', NULL] AS arr, '2026-11-20T10:00:00.123Z'::timestamptz AS at, ${[1, 2]}::int[] AS p, ${{ k: "ü" }}::jsonb AS o`;
    expect(rows).toEqual([
      {
        s: 1,
        b: "2",
        t: true,
        n: null,
        x: "x",
        j: { a: 1 },
        arr: ['a,"b', null],
        at: new Date("2026-11-20T10:00:00.123Z"),
        p: [1, 2],
        o: { k: "ü" },
      },
    ]);
  });

  it("returns arrays and counts when asked", async () => {
    const sql = neon(db.superuserUrl, { arrayMode: true, fullResults: true });
    const result = await sql`SELECT i, i * 2 FROM generate_series(1, 2) i`;
    expect(result).toMatchObject({
      rows: [
        [1, 2],
        [2, 4],
      ],
      rowCount: 2,
      command: "SELECT",
    });
    expect(result.fields.map((field) => field.name)).toEqual(["i", "?column?"]);
  });

  it("runs a batch as one transaction: all of it or nothing", async () => {
    const sql = neon(db.superuserUrl);
    const id = randomUUID();
    const insert = sql`INSERT INTO tenants (id, name) VALUES (${id}, 'a')`;
    await expect(sql.transaction([insert, sql`SELECT 1 / 0`])).rejects.toThrow("division by zero");
    expect(await sql`SELECT 1 FROM tenants WHERE id = ${id}`).toEqual([]);
    const results = await sql.transaction([insert, sql`SELECT name FROM tenants WHERE id = ${id}`]);
    expect(results).toEqual([[], [{ name: "a" }]]);
  });

  it("opens the batch with the isolation that was asked for", async () => {
    const sql = neon(db.superuserUrl);
    const show = [sql`SHOW transaction_isolation`, sql`SHOW transaction_read_only`];
    const strict = await sql.transaction(show, { isolationLevel: "Serializable", readOnly: true });
    expect(strict).toEqual([[{ transaction_isolation: "serializable" }], [{ transaction_read_only: "on" }]]);
    const plain = await sql.transaction(show);
    expect(plain).toEqual([[{ transaction_isolation: "read committed" }], [{ transaction_read_only: "off" }]]);
  });

  it("keeps a tenant within its batch, though connections are shared", async () => {
    const sql = neon(db.roleUrl("app"));
    const tenants = [await makeTenant(admin), await makeTenant(admin)];
    const seen = async (tenant: string): Promise<unknown> => {
      const [, rows] = await sql.transaction([
        sql`SELECT set_config('app.tenant_id', ${tenant}, true)`,
        sql`SELECT id FROM tenants`,
      ]);
      return rows;
    };
    const many = Array.from({ length: 40 }, (_, i) => tenants[i % 2] ?? "");
    expect(await Promise.all(many.map(seen))).toEqual(many.map((id) => [{ id }]));
    expect(await Promise.all(many.map(() => sql`SELECT id FROM tenants`))).toEqual(many.map(() => []));
  });

  it("reports an error with the fields of Postgres and goes on working", async () => {
    const sql = neon(db.superuserUrl);
    const id = randomUUID();
    await sql`INSERT INTO tenants (id, name) VALUES (${id}, 'a')`;
    await expect(sql`INSERT INTO tenants (id, name) VALUES (${id}, 'a')`).rejects.toMatchObject({
      name: "NeonDbError",
      code: "23505",
      constraint: "tenants_pkey",
      detail: expect.stringContaining(id),
    });
    await expect(sql`SELECT 1 AS one`).resolves.toEqual([{ one: 1 }]);
  });

  it("answers the next query after Postgres has dropped the connection", async () => {
    const sql = neon(db.roleUrl("courier"));
    await sql`SELECT 1`;
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'courier' AND datname = $1",
      [db.name],
    );
    // The pool learns of the dead connection by its next use at the latest: one failure is allowed, a second is not.
    const again = await sql`SELECT 1 AS one`.catch(() => sql`SELECT 1 AS one`);
    expect(again).toEqual([{ one: 1 }]);
  });

  it("says plainly that there is no connection, and refuses other hosts", async () => {
    await expect(neon("postgresql://a:b@127.0.0.1:1/c")`SELECT 1`).rejects.toThrow(/503.*ECONNREFUSED/);
    await expect(neon("postgresql://a:b@db.example/c")`SELECT 1`).rejects.toThrow("does not connect to that host");
    const wrong = new URL(db.superuserUrl);
    wrong.password = "wrong";
    await expect(neon(wrong.href)`SELECT 1`).rejects.toMatchObject({ code: "28P01" });
  });

  it.each([
    ["GET", undefined, 404],
    ["POST", "{", 400],
    ["POST", '{"queries":[1]}', 400],
    ["POST", "{}", 400],
  ])("refuses what is no query: %s %s", async (method, body, status) => {
    const response = await fetch(shim.url, {
      method,
      headers: { "neon-connection-string": db.superuserUrl },
      ...(body === undefined ? {} : { body }),
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ message: expect.any(String) });
  });
});
