import { neon, neonConfig } from "@neondatabase/serverless";
import { Pool } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.drop());
it("works", async () => {
  const pool = new Pool({ connectionString: db.roleUrl("app") });
  expect((await pool.query("select count(*)::int as n from jobs")).rows).toEqual([{ n: 0 }]);
  await pool.end();
  neonConfig.fetchEndpoint = () => db.shimUrl;
  const sql = neon(db.roleUrl("app"));
  console.log(await sql`select 1 as a, now() as t, '{}'::jsonb as j, array[1,2] as arr`);
  await expect(sql`select nope`).rejects.toThrow("nope");
});
