import { spawn } from "node:child_process";
import { once } from "node:events";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());

async function admin(...args: string[]) {
  const child = spawn(process.execPath, ["probe/main.ts", "admin", ...args], {
    env: {
      PATH: process.env.PATH ?? "",
      APP_DATABASE_URL: database.roleUrl("app"),
      DATABASE_URL: database.ownerUrl,
    },
  });
  let out = "";
  let complaint = "";
  child.stdout.on("data", (bytes) => {
    out += bytes;
  });
  child.stderr.on("data", (bytes) => {
    complaint += bytes;
  });
  const [code] = await once(child, "close");
  return { code, complaint, made: code === 0 ? JSON.parse(out) : null };
}

async function rowsOf(text: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: database.superuserUrl });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

test("a probe token is a join token that lapses, stored as a hash", async () => {
  const { made } = await admin("probe-token", "create", "--region", "eu", "--expires", "30m");
  expect(made).toMatchObject({ token: expect.stringMatching(/^pj_probe-[0-9a-f]{8}_/), region: "eu" });
  const left = Date.parse(made.expires_at) - Date.now();
  expect(left).toBeGreaterThan(25 * 60_000);
  expect(left).toBeLessThan(31 * 60_000);
  const [row] = await rowsOf(
    "SELECT region, used_at, encode(secret_hash, 'hex') AS hash FROM probe_joins WHERE id = $1",
    [made.probe],
  );
  expect(row).toMatchObject({ region: "eu", used_at: null });
  expect(made.token).not.toContain(row?.hash);
  expect(await rowsOf("SELECT 1 FROM probe_credentials WHERE id = $1", [made.probe])).toEqual([]);
});

test("keys have the tenant's own scopes unless others are named; unknown ones are refused", async () => {
  const tenant = (await admin("tenant", "create", "--name", "T")).made.tenant;
  const scopesOf = async (...more: string[]) => {
    const { made } = await admin("key", "create", "--tenant", tenant, "--name", "k", ...more);
    const [row] = await rowsOf("SELECT scopes FROM api_keys WHERE id = $1", [made.key.split("_")[2]]);
    return row?.scopes;
  };
  expect(await scopesOf()).toEqual(["*"]);
  expect(await scopesOf("--scopes", "verify,platform")).toEqual(["verify", "platform"]);
  const wrong = await admin("key", "create", "--tenant", tenant, "--name", "k", "--scopes", "everything");
  expect(wrong.code).toBe(2);
  expect(wrong.complaint).toMatch(/there is no "everything"/);
});

test.each([
  ["no region", ["probe-token", "create"]],
  ["a region that cannot be a host name", ["probe-token", "create", "--region", "EU_1"]],
  ["a time without a unit", ["probe-token", "create", "--region", "eu", "--expires", "24"]],
  ["a time beyond thirty days", ["probe-token", "create", "--region", "eu", "--expires", "31d"]],
])("%s is refused", async (_, args) => {
  expect((await admin(...args)).code).toBe(2);
});
