import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { migrateDown, migrateUp, migrationStatus } from "../../migrations/migrate.ts";
import { connect } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

const run = promisify(execFile);
const CLI = fileURLToPath(new URL("../../migrations/cli.ts", import.meta.url));

let db: TestDatabase;
let server: Client;
let name: string;
/** An empty database owned by a role that is no superuser but may create roles, as at Neon. */
let url: string;

beforeAll(async () => {
  db = await freshDatabase();
  server = await connect(db.superuserUrl);
});
async function makeEmpty(): Promise<void> {
  name = `empty_${randomBytes(6).toString("hex")}`;
  await server.query(`CREATE DATABASE ${name} OWNER owner`);
  url = db.ownerUrl.replace(db.name, name);
}
async function dropEmpty(): Promise<void> {
  await server.query(`DROP DATABASE ${name}`);
}
afterAll(async () => {
  await server.end();
  await db.drop();
});

async function cli(
  args: readonly string[],
  env: Record<string, string> = { DATABASE_URL: url },
): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [CLI, ...args], { env });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && "stdout" in error && "stderr" in error)) throw error;
    return { code: Number(error.code), out: String(error.stdout), err: String(error.stderr) };
  }
}

async function ask<T extends object = { item: string }>(sql: string): Promise<T[]> {
  const client = await connect(url);
  const { rows } = await client.query<T>(sql);
  await client.end();
  return rows;
}

/** Everything the schema consists of, with owners and grants, to compare two states. */
const SHAPE = `
  SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull AS item
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ 'schema_migrations'
  UNION ALL
  SELECT 'table ' || c.relname || ' ' || c.relrowsecurity || c.relforcerowsecurity || ' ' || pg_get_userbyid(c.relowner) || ' '
         || (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(coalesce(c.relacl, acldefault('r', c.relowner))) x)
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname !~ 'schema_migrations'
  UNION ALL
  SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'schema_migrations'
  UNION ALL
  SELECT 'policy ' || tablename || ' ' || policyname || ' ' || roles::text FROM pg_policies
  UNION ALL
  SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ 'schema_migrations'
  UNION ALL
  SELECT 'function ' || p.oid::regprocedure || ' ' || pg_get_userbyid(p.proowner) || ' ' || md5(p.prosrc) || ' '
         || (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) x)
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
  ORDER BY 1`;

describe("migrations", () => {
  beforeEach(makeEmpty);
  afterEach(dropEmpty);

  it("apply in order, once, by an owner that is no superuser", async () => {
    const applied = await migrateUp(url);
    expect(applied[0]).toBe("0001_foundation");
    expect([...applied].sort()).toEqual(applied);
    expect(await migrateUp(url)).toEqual([]);
    expect((await migrationStatus(url)).map(({ name: file, state }) => [file, state])).toEqual(
      applied.map((file) => [file, "applied"]),
    );
  });

  it("come back to the same schema by way of each step back", async () => {
    const applied = await migrateUp(url);
    const whole = await ask(SHAPE);
    for (let left = applied.length - 1; left >= 0; left--) {
      const to = left === 0 ? "0" : (applied[left - 1] ?? "");
      const back = await migrateDown(url, { to });
      expect(back.at(-1)).toBe(applied[left]);
      await migrateUp(url);
      expect(await ask(SHAPE)).toEqual(whole);
    }
  });

  it("leave nothing behind when all are taken back", async () => {
    const applied = await migrateUp(url);
    expect(await migrateDown(url, { to: "0" })).toEqual([...applied].reverse());
    expect(await ask(SHAPE)).toEqual([]);
    expect(await migrateDown(url)).toEqual([]);
  });

  it("go up to a named one, and down one at a time", async () => {
    expect((await migrateUp(url, { to: "2" })).map((file) => file.slice(0, 4))).toEqual(["0001", "0002"]);
    expect((await migrateDown(url)).map((file) => file.slice(0, 4))).toEqual(["0002"]);
    await expect(migrateUp(url, { to: "9999" })).rejects.toThrow("there is no migration 9999");
  });

  it("are applied once when appliers race in several processes", async () => {
    const racers = await Promise.all([cli(["up"]), cli(["up"]), cli(["up"])]);
    expect(racers.map((racer) => racer.err)).toEqual(["", "", ""]);
    const lines = racers.flatMap((racer) => racer.out.split("\n").filter((line) => line.startsWith("applied ")));
    const rows = await ask<{ name: string }>("SELECT name FROM schema_migrations ORDER BY name");
    expect(lines.sort()).toEqual(rows.map((row) => `applied ${row.name}`));
    expect((await cli(["up"])).out).toBe("nothing to apply\n");
  });

  it("refuse a database whose migration was changed, and one from a newer version", async () => {
    await migrateUp(url);
    const owner = await connect(url);
    await owner.query("UPDATE schema_migrations SET checksum = 'other' WHERE name = '0001_foundation'");
    await expect(migrateUp(url)).rejects.toThrow("0001_foundation was changed after it had been applied");
    await expect(migrateDown(url)).rejects.toThrow("0001_foundation was changed");
    const states = await migrationStatus(url);
    expect(states[0]).toMatchObject({ name: "0001_foundation", state: "changed" });
    await owner.query("DELETE FROM schema_migrations WHERE name = '0001_foundation'");
    await owner.query("INSERT INTO schema_migrations (name, checksum) VALUES ('9000_future', 'x')");
    await expect(migrateUp(url)).rejects.toThrow("9000_future, which this version does not know");
    await owner.end();
  });

  it("leave no trace of one that fails", async () => {
    const owner = await connect(url);
    await owner.query("CREATE TABLE jobs (id integer)");
    await expect(migrateUp(url)).rejects.toThrow(/^migration 0001_foundation: .*"jobs" already exists/);
    const tables = await owner.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    );
    expect(tables.rows).toEqual([{ relname: "jobs" }]);
    await owner.end();
  });
});

describe("npm run migrate", () => {
  beforeAll(makeEmpty);
  afterAll(dropEmpty);

  it("shows what is pending and what is applied", async () => {
    expect((await cli(["status"])).out).toMatch(/^pending {2}0001_foundation$/m);
    await cli(["up"]);
    expect((await cli(["status"])).out).toMatch(/^applied {2}0001_foundation {2}\d{4}-/m);
  });

  it.each([
    ["no address", ["up"], {}, "migrate: DATABASE_URL is not set\n"],
    ["a dead server", ["up"], { DATABASE_URL: "postgresql://x:y@127.0.0.1:1/z" }, /^migrate: .*ECONNREFUSED.*\n$/],
    ["a wrong address", ["up"], { DATABASE_URL: "nonsense" }, /^migrate: [^\n]+\n$/],
  ])("says in one line what is wrong: %s", async (_, args, env, line) => {
    const { code, out, err } = await cli(args, env);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(line);
  });

  it.each([[["sideways"]], [["up", "--to"]]])("explains itself when called with %j", async (args) => {
    const { code, err } = await cli(args);
    expect(code).toBe(2);
    expect(err).toMatch(/^Usage: npm run migrate/);
  });

  it("does not guess passwords for logins", async () => {
    expect(await cli(["logins"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^migrate: no password is set[^\n]+\n$/),
    });
  });
});
