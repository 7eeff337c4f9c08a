import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asTenant, connect, makeJob, makeTenant } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

const CHECKED_AT = "2026-11-20T10:00:00Z";
/** Insufficient privilege: what both a missing grant and a refused row report. */
const REFUSED = "42501";

/** For every tenant table: a row of the given tenant. `$1` is the tenant, `$2` a fresh id. */
const ROWS: Readonly<Record<string, string>> = {
  api_keys:
    "INSERT INTO api_keys (id, tenant_id, name, mode, secret_hash) VALUES ($2::text, $1, 'k', 'live', sha256('x'))",
  tenant_rules:
    "INSERT INTO tenant_rules (id, tenant_id, kind, match, value) VALUES ($2, $1, 'block', 'domain', $2::text)",
  jobs: "INSERT INTO jobs (id, tenant_id, source_kind, source_key) VALUES ($2, $1, 'csv', 'k')",
  uploads:
    "INSERT INTO uploads (id, tenant_id, state, object_key, bytes, expires_at) VALUES ($2, $1, 'open', 'k', 1, now())",
  job_items:
    "INSERT INTO job_items (job_id, row_no, tenant_id, email, dedupe) VALUES ($2, 0, $1, 'a@example.com', 'x')",
  chunks:
    "INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, items, open_items) VALUES ($2, $1, $2, 'check', 'h', 0, '[]', 0)",
  verdicts: `INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, checked_at)
             VALUES (uuidv7(), 0, $1, 'a@example.com', sha256('a'), 'unknown', 'timeout', 30, '{}', 'edge', '${CHECKED_AT}')`,
  webhook_endpoints:
    "INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets) VALUES ($2, $1, 'https://a', '{}', '[]')",
  events: "INSERT INTO events (id, tenant_id, type, payload) VALUES ($2, $1, 'job.completed', '{}')",
  delivery_attempts:
    "INSERT INTO delivery_attempts (delivery_id, attempt_no, tenant_id, at, duration_ms) VALUES ($2, 1, $1, now(), 1)",
  credit_ledger: "INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES ($1, 'hold', 1, $2)",
  usage_records: `INSERT INTO usage_records (tenant_id, ref, day, endpoint, emails, billable, smtp_checks)
                  VALUES ($1, $2, '2026-11-20', 'verify', 1, 1, 0)`,
  job_domains: "INSERT INTO job_domains (tenant_id, domain, job_id) VALUES ($1, 'example.com', $2)",
  idempotency_keys: `INSERT INTO idempotency_keys (tenant_id, key, route, request_hash, state, resource_id, locked_until)
                     VALUES ($1, 'k' || $2::text, 'post /x', sha256('x'), 'started', $2, now())`,
  cache_marks: "INSERT INTO cache_marks (tenant_id, kind, value) VALUES ($1, 'domain', $2::text)",
  audit_log: "INSERT INTO audit_log (id, tenant_id, at, actor, action) VALUES ($2, $1, now(), 'key', 'verify')",
};
/** Needs rows of other tables first. */
const DELIVERY = `WITH e AS (INSERT INTO events (id, tenant_id, type, payload) VALUES ($2, $1, 't', '{}') RETURNING id),
  w AS (INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets) VALUES ($2, $1, 'https://a', '{}', '[]') RETURNING id)
  INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id) SELECT $2, $1, e.id, w.id FROM e, w`;

const TABLES = [...Object.keys(ROWS), "deliveries", "tenants"];
const UPDATABLE = [
  "tenants",
  "api_keys",
  "jobs",
  "uploads",
  "job_items",
  "chunks",
  "webhook_endpoints",
  "deliveries",
  "idempotency_keys",
  "cache_marks",
];

let db: TestDatabase;
let admin: Client;
let app: Client;
let mine: string;
let theirs: string;

beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  app = await connect(db.roleUrl("app"));
  mine = await makeTenant(admin);
  theirs = await makeTenant(admin);
  for (const tenant of [mine, theirs]) {
    await asTenant(app, tenant, async () => {
      for (const insert of [...Object.values(ROWS), DELIVERY]) {
        await insertRow(app, insert, tenant);
      }
    });
  }
});
afterAll(async () => {
  await app.end();
  await admin.end();
  await db.drop();
});

async function insertRow(client: Client, insert: string, tenant: string): Promise<void> {
  const text = insert.replaceAll("$1", "$1::uuid").replaceAll("$2", "$2::uuid");
  await client.query(text, text.includes("$2") ? [tenant, randomUUID()] : [tenant]);
}

const owner = (table: string): string => (table === "tenants" ? "id" : "tenant_id");

async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );
}

describe("role app in one tenant's context", () => {
  it("knows every tenant table of the database", async () => {
    const { rows } = await admin.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`,
    );
    expect(rows.map((row) => row.name)).toEqual(TABLES.filter((table) => table !== "tenants").sort());
  });

  it.each(TABLES)("reads its own rows and no other: %s", async (table) => {
    const seen = await asTenant(app, mine, () => app.query(`SELECT DISTINCT ${owner(table)} AS tenant FROM ${table}`));
    expect(seen.rows).toEqual([{ tenant: mine }]);
  });

  it.each(TABLES)("sees nothing without a tenant: %s", async (table) => {
    const seen = await asTenant(app, null, () => app.query(`SELECT 1 FROM ${table}`));
    expect(seen.rowCount).toBe(0);
  });

  it.each([...Object.entries(ROWS), ["deliveries", DELIVERY]] as const)(
    "cannot write a row of another tenant: %s",
    async (_, insert) => {
      expect(await code(asTenant(app, mine, () => insertRow(app, insert, theirs)))).toBe(REFUSED);
      expect(await code(asTenant(app, null, () => insertRow(app, insert, theirs)))).toBe(REFUSED);
    },
  );

  it.each(UPDATABLE)("can neither change another's rows nor hand its own over: %s", async (table) => {
    const column = owner(table);
    const changed = await asTenant(app, mine, () =>
      app.query(`UPDATE ${table} SET ${column} = ${column} WHERE ${column} = $1`, [theirs]),
    );
    expect(changed.rowCount).toBe(0);
    const given = asTenant(app, mine, () => app.query(`UPDATE ${table} SET ${column} = $1`, [theirs]));
    expect(await code(given)).toBe(REFUSED);
  });

  it.each(TABLES.filter((table) => table !== "tenant_rules"))("may not delete: %s", async (table) => {
    expect(await code(asTenant(app, mine, () => app.query(`DELETE FROM ${table}`)))).toBe(REFUSED);
  });

  it("deletes only its own rules", async () => {
    const gone = await asTenant(app, mine, () => app.query("DELETE FROM tenant_rules WHERE tenant_id = $1", [theirs]));
    expect(gone.rowCount).toBe(0);
  });

  it("does not learn of another's key by a conflict", async () => {
    const { rows } = await admin.query<{ ref: string }>("SELECT ref FROM usage_records WHERE tenant_id = $1", [theirs]);
    const insert = `INSERT INTO usage_records (tenant_id, ref, day, endpoint, emails, billable, smtp_checks)
      VALUES ($1, $2, '2026-11-20', 'verify', 1, 1, 0) ON CONFLICT DO NOTHING`;
    const added = await asTenant(app, mine, () => app.query(insert, [mine, rows[0]?.ref]));
    expect(added.rowCount).toBe(1);
  });

  it("cannot touch a partition of verdicts by its own name", async () => {
    const { rows } = await admin.query<{ part: string }>(
      "SELECT inhrelid::regclass::text AS part FROM pg_inherits WHERE inhparent = 'verdicts'::regclass LIMIT 1",
    );
    expect(await code(asTenant(app, mine, () => app.query(`SELECT 1 FROM ${rows[0]?.part}`)))).toBe(REFUSED);
  });

  it("cannot finish another tenant's job", async () => {
    const job = await makeJob(admin, theirs);
    const ended = await asTenant(app, mine, () => app.query("SELECT finalise_job($1) AS ended", [job]));
    expect(ended.rows).toEqual([{ ended: false }]);
    const { rows } = await admin.query("SELECT state FROM jobs WHERE id = $1", [job]);
    expect(rows).toEqual([{ state: "running" }]);
  });

  it("cannot raise an event for another tenant", async () => {
    const raised = asTenant(app, mine, () =>
      app.query("SELECT raise_event($1, 'job.completed', '{}', NULL)", [theirs]),
    );
    expect(await code(raised)).toBe(REFUSED);
  });

  it("keeps no tenant after its transaction", async () => {
    await asTenant(app, mine, () => app.query("SELECT 1 FROM jobs"));
    expect((await app.query("SELECT current_tenant() AS tenant")).rows).toEqual([{ tenant: null }]);
    expect((await app.query("SELECT 1 FROM jobs")).rowCount).toBe(0);
  });

  it("cannot become a role with more rights", async () => {
    for (const role of ["definer", "owner", "postgres", "courier"]) {
      expect(await code(app.query(`SET ROLE ${role}`))).toBe(REFUSED);
    }
  });
});

describe.each(["probe", "dispatcher", "courier", "eraser"] as const)("role %s", (role) => {
  it("can read and write no table at all", async () => {
    const client = await connect(db.roleUrl(role));
    for (const table of [...TABLES, "domain_facts", "probe_credentials", "hub_turns", "schema_migrations"]) {
      expect(await code(client.query(`SELECT 1 FROM ${table}`))).toBe(REFUSED);
      expect(await code(client.query(`DELETE FROM ${table}`))).toBe(REFUSED);
    }
    await client.end();
  });
});
