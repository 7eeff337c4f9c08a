import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { createTestHarness } from "wrangler";
import { base62, formatKey } from "../../shared/keys/key.ts";
import { startNeonShim } from "../neon-shim.ts";
import { prepareDatabase, startPostgres } from "../postgres.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DATABASE = "bench_edge";

/** The Worker and an empty one in the same runtime, on a Postgres of their own, with one tenant without limits. */
export type EdgeStack = {
  readonly url: string;
  readonly emptyUrl: string;
  readonly key: string;
  readonly tenant: string;
  readonly shimUrl: string;
  readonly appUrl: string;
  readonly sql: Client;
  close(): Promise<void>;
};

/** Starts it. `close` leaves nothing behind. */
export async function startEdgeStack(): Promise<EdgeStack> {
  const folder = await mkdtemp(join(tmpdir(), "mailsonar-bench-"));
  const pg = await startPostgres({ dataDir: folder });
  await prepareDatabase(pg, DATABASE);
  const shim = await startNeonShim();
  const server = createTestHarness({
    root: ROOT,
    workers: [
      {
        configPath: "wrangler.toml",
        vars: {
          APP_DATABASE_URL: pg.roleUrl("app", DATABASE),
          DISPATCHER_DATABASE_URL: pg.roleUrl("dispatcher", DATABASE),
          DATABASE_ENDPOINT: shim.url,
          SEALING_KEY: Buffer.alloc(32).toString("base64"),
          REGIONS: "eu",
          HUB_SHARDS: "1",
        },
      },
    ],
  });
  const empty = createTestHarness({
    root: ROOT,
    workers: [
      { config: { name: "empty", main: join(ROOT, "dev/bench/empty-worker.ts"), compatibility_date: "2026-08-15" } },
    ],
  });
  const [{ url }, { url: emptyUrl }] = [await server.listen(), await empty.listen()];
  const sql = new Client({ connectionString: pg.superuserUrl(DATABASE) });
  await sql.connect();
  const { tenant, key } = await addTenant(sql);
  return {
    url: url.origin,
    emptyUrl: emptyUrl.origin,
    key,
    tenant,
    shimUrl: shim.url,
    appUrl: pg.roleUrl("app", DATABASE),
    sql,
    async close() {
      await sql.end();
      await server.close();
      await empty.close();
      await shim.close();
      await pg.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function addTenant(sql: Client): Promise<{ tenant: string; key: string }> {
  const tenant = randomUUID();
  const id = base62(randomBytes(24), 12);
  const key = formatKey("live", id, base62(randomBytes(64), 32));
  await sql.query("INSERT INTO tenants (id, name, plan) VALUES ($1, 'bench', 'enterprise')", [tenant]);
  await sql.query(
    "INSERT INTO api_keys (id, tenant_id, name, mode, secret_hash) VALUES ($1, $2, 'bench', 'live', $3)",
    [id, tenant, createHash("sha256").update(key).digest()],
  );
  return { tenant, key };
}
