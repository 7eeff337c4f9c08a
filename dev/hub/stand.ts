import { createHash, randomBytes, randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { createTestHarness } from "wrangler";
import type { HubRpc } from "../../edge/hub/rpc.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

const HUB = "hub:eu:0";

/** A migrated database, its roles able to log in, and the HTTP endpoint in front of it. */
export type HubDatabase = {
  readonly superuserUrl: string;
  readonly shimUrl: string;
  roleUrl(role: "app" | "dispatcher" | "probe"): string;
};

/** A hub in the real runtime on a real database, and the means to fill and watch both. */
export type HubStand = {
  readonly url: string;
  readonly token: string;
  readonly sql: Client;
  /** A call of the edge to the hub. */
  call<M extends keyof HubRpc>(method: M, ...args: Parameters<HubRpc[M]>): Promise<Awaited<ReturnType<HubRpc[M]>>>;
  announced(): Promise<unknown[]>;
  /** Drops the object's memory; `hibernate` keeps the sockets, `close` breaks them as a crash does. */
  evict(sockets: "hibernate" | "close"): Promise<void>;
  rows(query: string): Promise<Record<string, unknown>[]>;
  tenant(): Promise<string>;
  /** Plans a chunk of `emails` for a new job of that tenant; `wake` is not called. */
  plan(
    tenant: string,
    emails: readonly string[],
    more?: Partial<PlannedChunk>,
  ): Promise<{ chunk: string; job: string }>;
  /** Stores a late check as the edge does: a chunk of one item, out, with a ticket. */
  storeCheck(tenant: string, email: string): Promise<{ chunk: string; job: string; ticket: string }>;
  credential(id: string, options?: { region?: string; revoked?: boolean }): Promise<string>;
  close(): Promise<void>;
};

type PlannedChunk = { hub: string; job: string; lane: number; domain: string; dueAt: Date; sticky: object | null };

export async function startHub(database: HubDatabase, shards = 1): Promise<HubStand> {
  const server = createTestHarness({ workers: [{ config: configOf(database, shards) }] });
  const { url } = await server.listen();
  const worker = server.getWorker();
  const sql = new Client({ connectionString: database.superuserUrl, application_name: "hub-stand" });
  await sql.connect();
  const stand: HubStand = {
    url: url.origin,
    token: "",
    sql,
    async call(method, ...args) {
      const at = `/rpc?hub=${encodeURIComponent(HUB)}&method=${method}`;
      const response = await server.fetch(at, { method: "POST", body: JSON.stringify(args) });
      if (!response.ok) throw new Error(`${method}: ${response.status} ${await response.text()}`);
      return (await response.json()) as never;
    },
    announced: async () => (await (await server.fetch("/announced")).json()) as unknown[],
    evict: (webSockets) => worker.evictDurableObject("ProbeHub", { name: HUB, webSockets }),
    async rows(query) {
      const storage = await worker.getDurableObjectStorage("ProbeHub", { name: HUB });
      return (await storage.exec(query)) as Record<string, unknown>[];
    },
    tenant: () => addTenant(sql),
    plan: (tenant, emails, more) => planChunk(sql, tenant, emails, more),
    storeCheck: (tenant, email) => storeCheck(sql, tenant, email),
    credential: (id, options) => addCredential(sql, id, options),
    async close() {
      await sql.end();
      await server.close();
    },
  };
  return { ...stand, token: await addCredential(sql, "p1") };
}

function configOf(database: HubDatabase, shards: number): object {
  return {
    name: "hub-test",
    main: join(ROOT, "dev/hub/worker.ts"),
    compatibility_date: "2026-08-15",
    compatibility_flags: ["nodejs_compat"],
    durable_objects: { bindings: [{ name: "PROBE_HUB", class_name: "ProbeHub" }] },
    migrations: [{ tag: "v1", new_sqlite_classes: ["ProbeHub"] }],
    queues: {
      producers: [{ binding: "WORK", queue: "work" }],
      consumers: [{ queue: "work", max_batch_timeout: 0 }],
    },
    vars: {
      APP_DATABASE_URL: database.roleUrl("app"),
      DISPATCHER_DATABASE_URL: database.roleUrl("dispatcher"),
      DATABASE_ENDPOINT: database.shimUrl,
      SEALING_KEY: Buffer.alloc(32).toString("base64"),
      REGIONS: "eu",
      HUB_SHARDS: String(shards),
    },
  };
}

async function addTenant(sql: Client): Promise<string> {
  const id = randomUUID();
  await sql.query("INSERT INTO tenants (id, name) VALUES ($1, 'test')", [id]);
  return id;
}

async function addCredential(
  sql: Client,
  id: string,
  { region = "eu", revoked = false }: { region?: string; revoked?: boolean } = {},
): Promise<string> {
  const token = `pt_${id}_${randomBytes(24).toString("base64url")}`;
  await sql.query(
    "INSERT INTO probe_credentials (id, region, name, secret_hash, revoked_at) VALUES ($1, $2, $1, $3, $4)",
    [id, region, createHash("sha256").update(token).digest(), revoked ? new Date() : null],
  );
  return token;
}

async function planChunk(
  sql: Client,
  tenant: string,
  emails: readonly string[],
  more: Partial<PlannedChunk> = {},
): Promise<{ chunk: string; job: string }> {
  const chunk = randomUUID();
  const job = more.job ?? (await newJob(sql, tenant));
  const items = emails.map((email, n) => ({ n, email }));
  await sql.query(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, domain, items, open_items, not_before, sticky)
     VALUES ($1, $2, $3, 'job', $4, $5, $6, $7, $8, $9, $10)`,
    [
      chunk,
      tenant,
      job,
      more.hub ?? HUB,
      more.lane ?? 2,
      more.domain ?? "",
      JSON.stringify(items),
      items.length,
      more.dueAt ?? new Date(Date.now() - 1_000),
      more.sticky ? JSON.stringify(more.sticky) : null,
    ],
  );
  return { chunk, job };
}

async function storeCheck(sql: Client, tenant: string, email: string) {
  const [chunk, job, ticket] = [randomUUID(), uuidv7(), randomUUID()];
  await sql.query(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, items, open_items, state, ticket, out_at)
     VALUES ($1, $2, $3, 'check', $4, 0, $5, 1, 'out', $6, now())`,
    [chunk, tenant, job, HUB, JSON.stringify([{ n: 0, email }]), ticket],
  );
  return { chunk, job, ticket };
}

async function newJob(sql: Client, tenant: string): Promise<string> {
  const id = uuidv7();
  await sql.query(
    "INSERT INTO jobs (id, tenant_id, state, source_kind, source_key) VALUES ($1, $2, 'running', 'json', 'none')",
    [id, tenant],
  );
  return id;
}

/** Verdicts are partitioned by the time in it. */
export function uuidv7(): string {
  const hex = Date.now().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
