import { afterAll, beforeAll, expect, test } from "vitest";
import { planJob } from "../../../edge/data/planning.ts";
import { shardOf } from "../../../edge/hub/shard.ts";
import { CHUNK_TARGET_ITEMS } from "../../../shared/limits.ts";
import { type DatabaseBench, jobId, openDatabase } from "../../support/edge-parts.ts";

let bench: DatabaseBench;
let tenant: string;

beforeAll(async () => {
  bench = await openDatabase();
  tenant = await bench.tenant();
});
afterAll(() => bench.close());

/** A job whose list is staged: that many addresses of each domain, all to be asked. */
async function staged(domains: Record<string, number>): Promise<string> {
  const id = jobId();
  const rows = Object.entries(domains).flatMap(([domain, n]) =>
    Array.from({ length: n }, (_, i) => [domain, `u${i}@${domain}`]),
  );
  await bench.sql.query(
    `INSERT INTO jobs (id, tenant_id, state, source_kind, source_key, staged_rows, ingested)
     VALUES ($1, $2, 'ingesting', 'json', 'list', $3, true)`,
    [id, tenant, rows.length],
  );
  await bench.sql.query(
    `INSERT INTO job_items (job_id, row_no, tenant_id, email, domain, dedupe)
     SELECT $1, o, $2, e, d, sha256(e::bytea) FROM unnest($3::text[], $4::text[]) WITH ORDINALITY x (d, e, o)`,
    [id, tenant, rows.map(([domain]) => domain), rows.map(([, email]) => email)],
  );
  return id;
}

test("each address is planned once, at the hub that single checks of its domain go to", async () => {
  const small = Array.from({ length: 400 }, (_, i) => [`small${i}.example`, 1 + (i % 5)] as const);
  const id = await staged({ "large.example": 450, "other.example": 60, ...Object.fromEntries(small) });
  const planned = await planJob(bench.database, { tenantId: tenant, jobId: id, region: "eu", shards: 4, kept: {} });
  expect([...(planned?.hubs ?? [])].sort()).toEqual(["hub:eu:0", "hub:eu:1", "hub:eu:2", "hub:eu:3"]);
  const { rows } = await bench.sql.query("SELECT hub, domain, items, open_items FROM chunks WHERE job_id = $1", [id]);
  const seen: string[] = [];
  for (const { hub, domain, items, open_items } of rows) {
    expect(open_items).toBe(items.length);
    expect(items.length).toBeLessThan(CHUNK_TARGET_ITEMS + 40);
    for (const { email } of items) {
      const of = email.split("@")[1];
      if (domain !== "") expect(of).toBe(domain);
      expect(`hub:eu:${await shardOf(of, 4)}`).toBe(hub);
      seen.push(email);
    }
  }
  const all = await bench.sql.query('SELECT email FROM job_items WHERE job_id = $1 ORDER BY email COLLATE "C"', [id]);
  expect(seen.sort()).toEqual(all.rows.map((row) => row.email));
  // Packing by hub must not cut the list to pieces.
  expect(rows.length).toBeLessThan(seen.length / 60);
});

test("a domain's small share travels in one chunk", async () => {
  const id = await staged(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`d${i}.example`, 7])));
  await planJob(bench.database, { tenantId: tenant, jobId: id, region: "eu", shards: 3, kept: {} });
  const { rows } = await bench.sql.query(
    `SELECT split_part(i ->> 'email', '@', 2) AS domain, count(DISTINCT c.id) AS chunks
       FROM chunks c, jsonb_array_elements(c.items) i WHERE c.job_id = $1 GROUP BY 1 HAVING count(DISTINCT c.id) > 1`,
    [id],
  );
  expect(rows).toEqual([]);
});

test("a list goes to a region that has probes when the preferred one was seen without", async () => {
  const plannedAt = async (loads: Record<string, number>, seen = "now()"): Promise<string[]> => {
    await bench.sql.query("TRUNCATE hub_loads");
    for (const [hub, probes] of Object.entries(loads)) {
      await bench.sql.query(
        `INSERT INTO hub_loads (hub, region, shard, probes, room, seen_at) VALUES ($1, split_part($1, ':', 2), 0, $2, 100 * $2, ${seen})`,
        [hub, probes],
      );
    }
    const id = await staged({ "some.example": 3 });
    const planned = await planJob(bench.database, { tenantId: tenant, jobId: id, region: "eu", shards: 1, kept: {} });
    return [...(planned?.hubs ?? [])];
  };
  expect(await plannedAt({})).toEqual(["hub:eu:0"]);
  expect(await plannedAt({ "hub:eu:0": 1, "hub:us:0": 9 })).toEqual(["hub:eu:0"]);
  expect(await plannedAt({ "hub:eu:0": 0, "hub:eu:1": 1, "hub:us:0": 9 })).toEqual(["hub:eu:0"]);
  expect(await plannedAt({ "hub:eu:0": 0, "hub:us:0": 1, "hub:ap:0": 2 })).toEqual(["hub:ap:0"]);
  expect(await plannedAt({ "hub:eu:0": 0, "hub:us:0": 0 })).toEqual(["hub:eu:0"]);
  expect(await plannedAt({ "hub:eu:0": 0, "hub:us:0": 1 }, "now() - interval '4 minutes'")).toEqual(["hub:eu:0"]);
});
