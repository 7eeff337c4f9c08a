import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Postgres, prepareDatabase, prepareExternal, startPostgres } from "../../dev/postgres.ts";
import { connect, only } from "../support/arrange.ts";

const MIGRATE = fileURLToPath(new URL("../../migrations/cli.ts", import.meta.url));

let folder: string;
let dataDir: string;
let pg: Postgres;

const start = (): Promise<Postgres> => startPostgres({ dataDir, durable: false });

async function ask(url: string, sql: string): Promise<Record<string, unknown>> {
  const client = await connect(url);
  try {
    return only((await client.query(sql)).rows);
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mailsonar-pg-"));
  // Closed to everybody else, as a clone in a private folder is: the server's user must get in nevertheless.
  await chmod(folder, 0o700);
  dataDir = join(folder, "data");
  pg = await start();
  await prepareDatabase(pg, "stack");
});
afterAll(async () => {
  await pg.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("the local Postgres", () => {
  it("listens on loopback alone and asks for a password", async () => {
    expect(await ask(pg.superuserUrl("stack"), "SHOW listen_addresses")).toEqual({ listen_addresses: "127.0.0.1" });
    const open = new URL(pg.superuserUrl("stack"));
    open.password = "";
    await expect(connect(open.href)).rejects.toThrow(/password/);
    expect((await stat(join(dataDir, "credentials.json"))).mode & 0o777).toBe(0o600);
  });

  it("lets each role log in, and has an owner that is no superuser", async () => {
    for (const role of ["app", "dispatcher", "probe", "courier", "eraser"] as const) {
      expect(await ask(pg.roleUrl(role, "stack"), "SELECT current_user AS who")).toEqual({ who: role });
    }
    const owner = await ask(
      pg.ownerUrl("stack"),
      "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user",
    );
    expect(owner).toEqual({ rolsuper: false, rolbypassrls: false, rolcreaterole: true });
  });

  it("keeps its data and passwords over a stop and over a kill -9", async () => {
    const before = pg.roleUrl("app", "stack").replace(/:\d+\//, ":PORT/");
    const admin = await connect(pg.superuserUrl("stack"));
    await admin.query("INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'kept')");
    await admin.end();
    await pg.stop();
    pg = await start();
    const client = await connect(pg.superuserUrl("stack"));
    await client.query("CHECKPOINT");
    client.on("error", () => {});
    await pg.kill9();
    await pg.exited;
    pg = await start();
    await prepareDatabase(pg, "stack");
    expect(await ask(pg.superuserUrl("stack"), "SELECT name FROM tenants")).toEqual({ name: "kept" });
    expect(pg.roleUrl("app", "stack").replace(/:\d+\//, ":PORT/")).toBe(before);
  });

  it("refuses a folder that is in use, and frees it when it stops", async () => {
    await expect(start()).rejects.toThrow(/^Postgres: data folder .* is already open in this process$/);
    expect(await readFile(join(dataDir, "owner.pid"), "utf8")).toMatch(`${process.pid} `);
  });

  it.each([
    ["is gone", "4194304 1"],
    ["has left its number to another", `${process.ppid} 1`],
  ])("takes over from a process that %s", async (_, owner) => {
    await pg.stop();
    await writeFile(join(dataDir, "owner.pid"), owner);
    pg = await start();
    expect(await ask(pg.superuserUrl("stack"), "SELECT 1 AS one")).toEqual({ one: 1 });
  });

  it("says in one line that its port is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((ready) => taken.once("listening", ready));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const other = startPostgres({ dataDir: join(folder, "other"), port, durable: false });
    await expect(other).rejects.toThrow(`Postgres: port ${port} on 127.0.0.1 is in use`);
    taken.close();
  });

  it("readies a server that somebody else runs", async () => {
    const admin = await connect(pg.superuserUrl("postgres"));
    await admin.query("CREATE DATABASE elsewhere OWNER owner");
    await admin.end();
    const roleUrl = await prepareExternal(pg.ownerUrl("elsewhere"), join(folder, "external"));
    expect(await ask(roleUrl("app"), "SELECT current_user AS who, count(*)::int AS n FROM jobs")).toEqual({
      who: "app",
      n: 0,
    });
    await prepareDatabase(pg, "stack");
  });

  it("takes the passwords of logins from the environment", async () => {
    const password = "it's a \\ $1 password";
    const env = { DATABASE_URL: pg.ownerUrl("stack"), ERASER_DB_PASSWORD: password };
    const { stdout } = await promisify(execFile)(process.execPath, [MIGRATE, "logins"], { env });
    expect(stdout).toBe("may log in eraser\n");
    const url = new URL(pg.roleUrl("eraser", "stack"));
    await expect(connect(url.href)).rejects.toThrow("password authentication failed");
    url.password = encodeURIComponent(password);
    expect(await ask(url.href, "SELECT current_user AS who")).toEqual({ who: "eraser" });
  });
});
