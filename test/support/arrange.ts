import { randomUUID } from "node:crypto";
import { Client } from "pg";

/** Opens a connection for a test; `end` it in afterAll. */
export async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Runs `work` with the tenant set for one transaction, as the edge does. Null sets none. */
export async function asTenant<T>(client: Client, tenant: string | null, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    if (tenant !== null) await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenant]);
    const result = await work();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

/** The rows below are written as superuser: they arrange, the functions under test act. */
export async function makeTenant(admin: Client): Promise<string> {
  const id = randomUUID();
  await admin.query("INSERT INTO tenants (id, name) VALUES ($1, 'test')", [id]);
  return id;
}

export async function makeJob(admin: Client, tenant: string, rows = 0, state = "running"): Promise<string> {
  const { rows: made } = await admin.query<{ id: string }>(
    `INSERT INTO jobs (id, tenant_id, state, source_kind, source_key, staged_rows, ingested)
     VALUES (uuidv7(), $1, $2, 'json', 'test', $3, true) RETURNING id`,
    [tenant, state, rows],
  );
  return only(made).id;
}

export type ChunkSeed = {
  readonly tenant: string;
  readonly job?: string;
  readonly kind?: "job" | "check";
  readonly hub?: string;
  readonly lane?: number;
  readonly state?: "planned" | "out";
  /** Item numbers; addresses are `u<n>@example.com`. */
  readonly items?: readonly number[];
  /** Milliseconds from now. */
  readonly dueInMs?: number;
};

export type Chunk = { readonly id: string; readonly ticket: string; readonly job_id: string };

export async function makeChunk(admin: Client, seed: ChunkSeed): Promise<Chunk> {
  const items = (seed.items ?? [0]).map((n) => ({ n, email: `u${n}@example.com`, tries: 0, due: 0, first: 0 }));
  const { rows } = await admin.query<Chunk>(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, state, out_at, not_before, items, open_items)
     SELECT i.id, $1, coalesce($2, i.id), $3, $4, $5, $6, CASE WHEN $6 = 'out' THEN now() END,
            now() + $7 * interval '1 millisecond', $8, $9
       FROM uuidv7() AS i (id) RETURNING id, ticket, job_id`,
    [
      seed.tenant,
      seed.job ?? null,
      seed.kind ?? "job",
      seed.hub ?? "hub:eu:0",
      seed.lane ?? 2,
      seed.state ?? "out",
      seed.dueInMs ?? 0,
      JSON.stringify(items),
      items.length,
    ],
  );
  return only(rows);
}

/** A verdict as a probe reports it. */
export function result(n: number, status = "deliverable"): Record<string, unknown> {
  const checked_at = "2026-11-20T10:00:00.000Z";
  return {
    n,
    status,
    reason: "accepted",
    score: status === "deliverable" ? 95 : 40,
    detail: { rating: "good" },
    checked_at,
  };
}

export type SettleReply = { outcome: string; next_ticket: string | null; drained: boolean; job: string | null };

export type SettleCall = {
  readonly results?: readonly unknown[];
  readonly rest?: readonly unknown[];
  readonly hold?: boolean;
  readonly againAt?: string;
  readonly sticky?: unknown;
};

/** Calls `settle` as a probe would. */
export async function settle(probe: Client, chunk: string, ticket: string, call: SettleCall): Promise<SettleReply> {
  const { rows } = await probe.query<SettleReply>("SELECT * FROM settle($1, $2, $3, $4, $5, $6, $7)", [
    chunk,
    ticket,
    JSON.stringify(call.results ?? []),
    JSON.stringify(call.rest ?? []),
    call.hold ?? false,
    call.againAt ?? null,
    call.sticky === undefined ? null : JSON.stringify(call.sticky),
  ]);
  return only(rows);
}

/** The one row of an answer. */
export function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined || rows.length !== 1) throw new Error(`${rows.length} rows instead of one`);
  return row;
}
