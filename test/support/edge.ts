import { createHash, randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { createTestHarness } from "wrangler";
import { base62, formatKey, type KeyMode } from "../../shared/keys/key.ts";
import { freshDatabase, type TestDatabase } from "./database.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export type TestTenant = { readonly id: string; readonly live: string; readonly test: string };

type KeyOptions = {
  readonly mode?: KeyMode;
  readonly scopes?: readonly string[];
  readonly ipAllow?: readonly string[];
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
};

/** Bindings of the running Worker, as far as tests use them. */
type TestBindings = {
  readonly KV: { get(key: string): Promise<string | null>; put(key: string, value: string): Promise<void> };
  readonly FILES: {
    list(options: { prefix: string }): Promise<{ objects: { key: string }[] }>;
    get(key: string): Promise<{ text(): Promise<string> } | null>;
    put(key: string, value: string): Promise<unknown>;
    delete(key: string): Promise<unknown>;
  };
  readonly RESULTS: { send(body: unknown, options?: { contentType?: string }): Promise<unknown> };
  readonly INGEST: { send(body: unknown): Promise<unknown> };
  readonly WORK: { send(body: unknown): Promise<unknown> };
};

/** The real Worker in the real runtime on a database of its own, and the means to arrange and look. */
export type TestEdge = {
  readonly url: string;
  readonly database: TestDatabase;
  /** Superuser's connection: for arranging and looking, never for the behaviour under test. */
  readonly sql: Client;
  fetch(path: string, init?: RequestInit & { key?: string }): Promise<Response>;
  /** POSTs a JSON body. */
  post(path: string, key: string | undefined, body: unknown): Promise<Response>;
  tenant(plan?: string, options?: object): Promise<TestTenant>;
  key(tenantId: string, options?: KeyOptions): Promise<string>;
  env(): Promise<TestBindings>;
  /** Drops the memory of a tenant's Meter, as a restart does. */
  evictMeter(tenantId: string): Promise<void>;
  /** Fires the minute's cron. */
  cron(): Promise<void>;
  /** Log lines of the Worker so far. */
  logs(): string[];
  close(): Promise<void>;
};

/** Starts the Worker. Close it in `afterAll`. */
export async function startEdge(vars: Record<string, string> = {}): Promise<TestEdge> {
  const database = await freshDatabase();
  const server = createTestHarness({
    root: ROOT,
    workers: [
      {
        configPath: "wrangler.toml",
        vars: {
          APP_DATABASE_URL: database.roleUrl("app"),
          DISPATCHER_DATABASE_URL: database.roleUrl("dispatcher"),
          DATABASE_ENDPOINT: database.shimUrl,
          SEALING_KEY: Buffer.alloc(32, 7).toString("base64"),
          REGIONS: "eu",
          HUB_SHARDS: "1",
          ...vars,
        },
      },
    ],
  });
  const { url } = await server.listen();
  const worker = server.getWorker<TestBindings>();
  const sql = new Client({ connectionString: database.superuserUrl, application_name: "test-edge" });
  await sql.connect();
  const call = (path: string, { key, ...init }: RequestInit & { key?: string } = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
    return fetch(new URL(path, url), { ...init, headers });
  };
  return {
    url: url.origin,
    database,
    sql,
    fetch: call,
    post: (path, key, body) =>
      call(path, {
        ...(key !== undefined && { key }),
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    async tenant(plan = "pro", options = {}) {
      const id = randomUUID();
      await sql.query("INSERT INTO tenants (id, name, plan, options) VALUES ($1, 'test', $2, $3)", [id, plan, options]);
      return { id, live: await addKey(sql, id, {}), test: await addKey(sql, id, { mode: "test" }) };
    },
    key: (tenantId, options = {}) => addKey(sql, tenantId, options),
    env: () => worker.getEnv(),
    evictMeter: (tenantId) => server.getWorker().evictDurableObject("Meter", { name: tenantId }),
    async cron() {
      await worker.scheduled({ cron: "* * * * *" });
    },
    logs: () => server.getLogs().map((entry) => String(entry.message)),
    async close() {
      await server.close();
      await sql.end();
      await database.drop();
    },
  };
}

async function addKey(sql: Client, tenantId: string, options: KeyOptions): Promise<string> {
  const mode = options.mode ?? "live";
  const id = base62(randomBytes(24), 12);
  const key = formatKey(mode, id, base62(randomBytes(64), 32));
  await sql.query(
    `INSERT INTO api_keys (id, tenant_id, name, mode, secret_hash, scopes, ip_allow, expires_at, revoked_at)
     VALUES ($1, $2, 'test', $3, $4, $5, $6, $7, $8)`,
    [
      id,
      tenantId,
      mode,
      createHash("sha256").update(key).digest(),
      options.scopes ?? [],
      options.ipAllow ?? [],
      options.expiresAt ?? null,
      options.revokedAt ?? null,
    ],
  );
  return key;
}
