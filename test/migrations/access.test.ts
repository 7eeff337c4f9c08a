import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

const OURS = ["app", "dispatcher", "probe", "courier", "eraser", "definer"];

/** What `definer` may see without a tenant, with the function that needs it: the whole list of exceptions. */
const PASSES_ALL_TENANTS = [
  "api_keys", // key_snapshot
  "cache_marks", // key_snapshot
  "chunks", // refill, settle, replan
  "credit_ledger", // settle_check, revise_hold
  "deliveries", // claim_deliveries
  "delivery_attempts", // record_attempts
  "events", // raise_event in settle_check
  "idempotency_keys", // purge_idempotency
  "job_items", // erase_address, erase_results
  "jobs", // jobs_to_advance
  "tenant_rules", // key_snapshot
  "tenants", // key_snapshot
  "uploads", // expired_uploads
  "usage_records", // settle_check
  "verdicts", // settle
  "webhook_endpoints", // claim_deliveries
];

let db: TestDatabase;
let admin: Client;
beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
});
afterAll(async () => {
  await admin.end();
  await db.drop();
});

type Table = { name: string; enabled: boolean; forced: boolean; owner: string };

/** Tables that hold something of a tenant: those with a tenant_id, the tenants themselves, every partition. */
async function tenantTables(): Promise<Table[]> {
  const { rows } = await admin.query<Table>(
    `SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner) AS owner
       FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND (c.relname = 'tenants' OR EXISTS (SELECT 1 FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))
      ORDER BY 1`,
  );
  return rows;
}

describe("tenant tables", () => {
  it("are found, with the partitions of verdicts among them", async () => {
    const names = (await tenantTables()).map((table) => table.name);
    expect(names).toEqual(expect.arrayContaining(["tenants", "jobs", "job_items", "audit_log", "verdicts"]));
    expect(names.filter((name) => /^verdicts_\d{6}$/.test(name)).length).toBeGreaterThanOrEqual(13);
  });

  it("have row-level security enabled and forced", async () => {
    const open = (await tenantTables()).filter((table) => !table.enabled || !table.forced);
    expect(open).toEqual([]);
  });

  it("have one policy for app, bound to the transaction's tenant for reading and writing", async () => {
    const { rows } = await admin.query<{
      tablename: string;
      roles: string[];
      cmd: string;
      qual: string;
      with_check: string;
    }>("SELECT tablename, roles::text[], cmd, qual, with_check FROM pg_policies WHERE 'app' = ANY (roles) ORDER BY 1");
    expect(rows.map((row) => row.tablename)).toEqual((await tenantTables()).map((table) => table.name));
    for (const row of rows) {
      const bound = `(${row.tablename === "tenants" ? "id" : "tenant_id"} = ( SELECT current_tenant() AS current_tenant))`;
      expect(row).toMatchObject({ roles: ["app"], cmd: "ALL", qual: bound, with_check: bound });
    }
  });

  it("let only definer past the tenant, and only where a function needs it", async () => {
    const { rows } = await admin.query<{ tablename: string; roles: string[] }>(
      "SELECT tablename, roles::text[] FROM pg_policies WHERE NOT 'app' = ANY (roles) ORDER BY 1",
    );
    expect(new Set(rows.flatMap((row) => row.roles))).toEqual(new Set(["definer"]));
    const whole = rows.map((row) => row.tablename).filter((name) => !/^verdicts_\d{6}$/.test(name));
    expect(whole).toEqual(PASSES_ALL_TENANTS);
  });

  it("belong to no role that logs in", async () => {
    const owners = new Set((await tenantTables()).map((table) => table.owner));
    expect([...owners].filter((owner) => OURS.includes(owner) && owner !== "definer")).toEqual([]);
  });

  it("have no view or foreign table beside them that could go round the policies", async () => {
    const { rows } = await admin.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'f')",
    );
    expect(rows).toEqual([]);
  });
});

describe("roles", () => {
  it("are neither superuser nor above row-level security, and inherit nothing", async () => {
    const { rows } = await admin.query(
      `SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)
          AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolinherit)`,
      [OURS],
    );
    expect(rows).toEqual([]);
    const member = await admin.query(
      "SELECT member::regrole::text FROM pg_auth_members WHERE member::regrole::text = ANY ($1)",
      [OURS],
    );
    expect(member.rows).toEqual([]);
  });

  it("include definer, which cannot log in", async () => {
    const { rows } = await admin.query("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'definer'");
    expect(rows).toEqual([{ rolcanlogin: false }]);
  });

  it("have no grant on any table but app", async () => {
    const { rows } = await admin.query<{ grantee: string }>(
      `SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'public' AND grantee IN ('dispatcher', 'probe', 'courier', 'eraser', 'PUBLIC')
       UNION SELECT DISTINCT grantee FROM information_schema.column_privileges
        WHERE table_schema = 'public' AND grantee IN ('dispatcher', 'probe', 'courier', 'eraser', 'PUBLIC')`,
    );
    expect(rows).toEqual([]);
  });

  it("cannot remove history as app: no delete but of rules, no truncate", async () => {
    const { rows } = await admin.query<{ what: string }>(
      `SELECT table_name || ' ' || privilege_type AS what FROM information_schema.role_table_grants
        WHERE table_schema = 'public' AND grantee = 'app' AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE') ORDER BY 1`,
    );
    expect(rows).toEqual([{ what: "tenant_rules DELETE" }]);
  });

  it("cannot create objects in the schema, except definer, which makes partitions", async () => {
    const { rows } = await admin.query<{ role: string }>(
      "SELECT r AS role FROM unnest($1::text[]) r WHERE has_schema_privilege(r, 'public', 'CREATE')",
      [OURS],
    );
    expect(rows).toEqual([{ role: "definer" }]);
  });
});

describe("functions", () => {
  type Fn = { name: string; definer: boolean; owner: string; path: string[] | null; open: boolean };
  async function functions(): Promise<Fn[]> {
    const { rows } = await admin.query<Fn>(
      `SELECT p.proname AS name, p.prosecdef AS definer, pg_get_userbyid(p.proowner) AS owner, p.proconfig AS path,
              EXISTS (SELECT 1 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0) AS open
         FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1`,
    );
    return rows;
  }

  it("that run with other rights belong to definer and fix their search path, and no others belong to it", async () => {
    const all = await functions();
    expect(all.filter((fn) => fn.definer).length).toBeGreaterThan(8);
    for (const fn of all)
      expect(fn).toMatchObject({ owner: fn.definer ? "definer" : expect.not.stringMatching(/^definer$/) });
    expect(all.filter((fn) => fn.definer && !fn.path?.includes("search_path=public, pg_temp"))).toEqual([]);
  });

  it("can none be executed by everybody", async () => {
    expect((await functions()).filter((fn) => fn.open).map((fn) => fn.name)).toEqual([]);
  });

  it("are given to each role as its work needs", async () => {
    const { rows } = await admin.query<{ role: string; functions: string[] }>(
      `SELECT r AS role, array_agg(DISTINCT p.proname::text ORDER BY p.proname::text) AS functions
         FROM unnest(ARRAY['probe', 'courier', 'eraser', 'dispatcher']) r
         JOIN pg_proc p ON p.pronamespace = 'public'::regnamespace AND has_function_privilege(r, p.oid, 'EXECUTE')
        GROUP BY r`,
    );
    const given = new Map(rows.map((row) => [row.role, row.functions]));
    expect(given.get("probe")).toEqual(["note_visits", "settle", "settle_asking"]);
    expect(given.get("courier")).toEqual(["claim_deliveries", "record_attempts"]);
    expect(given.get("eraser")).toBeUndefined();
    for (const tenantOnly of ["settle", "finalise_job", "raise_event", "key_snapshot"]) {
      expect(given.get("dispatcher")).not.toContain(tenantOnly);
    }
  });
});
