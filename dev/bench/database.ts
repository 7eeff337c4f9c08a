import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neon, neonConfig } from "@neondatabase/serverless";
import { Client, Pool } from "pg";
import { startNeonShim } from "../neon-shim.ts";
import { type Postgres, prepareDatabase, startPostgres } from "../postgres.ts";

/** Reports one figure. */
export type Emit = (name: string, value: number, unit: string) => void;

const DATABASE = "bench";
const CHUNK_ITEMS = 200;
const CONNECTIONS = 8;

/**
 * What Postgres does in the life of a job, against a real server with its normal durability: settle by chunk, refill for
 * many tenants, staging over the Neon HTTP protocol, duplicates and the end of a job of a million rows. Nothing is
 * analysed in between: fresh rows have no statistics in production either.
 */
export async function bench(emit: Emit): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "mailsonar-bench-"));
  const pg = await startPostgres({ dataDir: folder });
  try {
    await prepareDatabase(pg, DATABASE);
    const admin = new Client({ connectionString: pg.superuserUrl(DATABASE) });
    await admin.connect();
    try {
      for (const part of [benchSettle, benchRefill, benchStaging, benchMillion]) await part(pg, admin, emit);
    } finally {
      await admin.end();
    }
  } finally {
    await pg.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function benchSettle(pg: Postgres, admin: Client, emit: Emit): Promise<void> {
  const tenant = await makeTenant(admin);
  const chunks = 1_600;
  const job = await makeJob(admin, tenant, chunks * CHUNK_ITEMS);
  const { rows } = await admin.query<{ id: string; ticket: string; first: number }>(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, state, out_at, domain, items, open_items)
     SELECT uuidv7(), $1, $2, 'job', 'hub:eu:0', 2, 'out', now(), 'example.com',
            (SELECT jsonb_agg(jsonb_build_object('n', c * $3 + i, 'email', 'user' || (c * $3 + i) || '@example.com', 'tries', 0, 'due', 0, 'first', 0))
               FROM generate_series(1, $3) i), $3
       FROM generate_series(0, $4 - 1) c
     RETURNING id, ticket, (items -> 0 ->> 'n')::integer AS first`,
    [tenant, job, CHUNK_ITEMS, chunks],
  );
  const pool = new Pool({ connectionString: pg.roleUrl("probe", DATABASE), max: CONNECTIONS });
  const times: number[] = [];
  let next = 0;
  const texts = rows.map(({ first }) => JSON.stringify(resultsOf(first)));
  const settle = async (chunk: { id: string; ticket: string }, results: string): Promise<void> => {
    const begun = performance.now();
    await pool.query({
      name: "settle",
      text: "SELECT * FROM settle($1, $2, $3, '[]', false, NULL, NULL)",
      values: [chunk.id, chunk.ticket, results],
    });
    times.push(performance.now() - begun);
  };
  const worker = async (): Promise<void> => {
    for (let at = next++; at < rows.length; at = next++) {
      const [chunk, text] = [rows[at], texts[at]];
      if (chunk !== undefined && text !== undefined) await settle(chunk, text);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const seconds = (performance.now() - begun) / 1000;
  await pool.end();
  times.sort((a, b) => a - b);
  emit("settle", Math.round((chunks * CHUNK_ITEMS) / seconds), "rows/s");
  emit("settle_p99", round(times[Math.floor(times.length * 0.99)] ?? 0), "ms");
}

async function benchRefill(pg: Postgres, admin: Client, emit: Emit): Promise<void> {
  const tenants = 200;
  await admin.query(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, domain, items, open_items)
     SELECT uuidv7(), ('00000000-0000-4000-8000-' || lpad(to_hex(c % $1), 12, '0'))::uuid, uuidv7(), 'job', 'hub:us:0', 2,
            'example.org', (SELECT jsonb_agg(jsonb_build_object('n', i, 'email', i || '@example.org', 'tries', 0, 'due', 0, 'first', 0)) FROM generate_series(1, 100) i), 100
       FROM generate_series(1, 50000) c`,
    [tenants],
  );
  const client = new Client({ connectionString: pg.roleUrl("dispatcher", DATABASE) });
  await client.connect();
  const served = new Set<string>();
  const times: number[] = [];
  for (let call = 0; call < 20; call++) {
    const begun = performance.now();
    const { rows } = await client.query<{ tenant_id: string }>("SELECT tenant_id FROM refill('hub:us:0', 20000, 4)");
    times.push(performance.now() - begun);
    if (call === 0) for (const row of rows) served.add(row.tenant_id);
  }
  await client.end();
  times.sort((a, b) => a - b);
  emit("refill_200_tenants_50000_chunks_p50", round(times[10] ?? 0), "ms");
  emit("refill_200_tenants_50000_chunks_max", round(times.at(-1) ?? 0), "ms");
  emit("refill_tenants_served_by_one_call", served.size, "tenants");
}

async function benchStaging(pg: Postgres, admin: Client, emit: Emit): Promise<void> {
  const shim = await startNeonShim();
  neonConfig.fetchEndpoint = () => shim.url;
  const sql = neon(pg.roleUrl("app", DATABASE));
  const tenant = await makeTenant(admin);
  const batches = 80;
  const size = 5_000;
  for (const [name, statement] of Object.entries(STAGING)) {
    const job = await makeJob(admin, tenant, 0);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let batch = next++; batch < batches; batch = next++) {
        const rows = Array.from({ length: size }, (_, i) => `user${batch * size + i}@domain${i % 500}.example`);
        await sql.transaction([
          sql.query("SELECT set_config('app.tenant_id', $1, true)", [tenant]),
          sql.query(statement.text, [job, tenant, batch * size, ...statement.params(rows)]),
        ]);
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: 4 }, worker));
    emit(name, Math.round((batches * size * 1000) / (performance.now() - begun)), "rows/s");
  }
  await shim.close();
}

/** Two ways to say the same; the first is the one in use. */
const STAGING: Record<string, { text: string; params: (emails: string[]) => unknown[] }> = {
  staging: {
    text: `INSERT INTO job_items (job_id, tenant_id, row_no, email, domain, dedupe)
      SELECT $1, $2, $3::integer + r.n::integer, r.email, r.domain, sha256(convert_to(r.key, 'UTF8'))
        FROM unnest($4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS r (email, domain, key, n)
      ON CONFLICT (job_id, row_no) DO NOTHING`,
    params: (emails) => [emails, emails.map((email) => email.slice(email.indexOf("@") + 1)), emails],
  },
  staging_as_json: {
    text: `INSERT INTO job_items (job_id, tenant_id, row_no, email, domain, dedupe)
      SELECT $1, $2, $3::integer + r.n::integer, r.v ->> 0, r.v ->> 1, sha256(convert_to(r.v ->> 2, 'UTF8'))
        FROM json_array_elements($4::json) WITH ORDINALITY AS r (v, n)
      ON CONFLICT (job_id, row_no) DO NOTHING`,
    params: (emails) => [JSON.stringify(emails.map((email) => [email, email.slice(email.indexOf("@") + 1), email]))],
  },
};

async function benchMillion(pg: Postgres, admin: Client, emit: Emit): Promise<void> {
  const tenant = await makeTenant(admin);
  const total = 1_000_000;
  const job = await makeJob(admin, tenant, total);
  await admin.query(
    `INSERT INTO job_items (job_id, tenant_id, row_no, email, domain, dedupe)
     SELECT $1, $2, i, 'user' || (i % 900000) || '@example.net', 'example.net', sha256(convert_to((i % 900000)::text, 'UTF8'))
       FROM generate_series(1, $3) i`,
    [job, tenant, total],
  );
  const app = new Client({ connectionString: pg.roleUrl("app", DATABASE) });
  await app.connect();
  const timed = async (name: string, text: string, values: unknown[]): Promise<void> => {
    const begun = performance.now();
    await app.query("BEGIN");
    await app.query("SELECT set_config('app.tenant_id', $1, true)", [tenant]);
    await app.query(text, values);
    await app.query("COMMIT");
    emit(name, round((performance.now() - begun) / 1000), "s");
  };
  await timed(
    "mark_duplicates_1e6",
    `UPDATE job_items i SET dup_of = d.first
       FROM (SELECT row_no, min(row_no) OVER (PARTITION BY dedupe) AS first FROM job_items WHERE job_id = $1) d
      WHERE i.job_id = $1 AND i.row_no = d.row_no AND d.first < d.row_no`,
    [job],
  );
  await admin.query(
    `INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, checked_at)
     SELECT job_id, row_no, tenant_id, email, email_hash(email), 'deliverable', 'accepted', 95, $2, 'probe', now()
       FROM job_items WHERE job_id = $1 AND dup_of IS NULL`,
    [job, JSON.stringify(DETAIL)],
  );
  await timed("finalise_1e6", "SELECT finalise_job($1)", [job]);
  emit("verdict_bytes", await bytesPerRow(admin, "verdicts"), "bytes/row");
  emit("job_item_bytes", await bytesPerRow(admin, "job_items"), "bytes/row");
  await app.end();
}

/** What a row takes on disk with its indexes; of a partitioned table, over all partitions. */
async function bytesPerRow(admin: Client, table: string): Promise<number> {
  const { rows } = await admin.query<{ bytes: string }>(
    `SELECT round((pg_total_relation_size($1) + coalesce(sum(pg_total_relation_size(relid)), 0)) / (SELECT count(*) FROM ${table})) AS bytes
       FROM pg_partition_tree($1) WHERE relid <> $1::regclass`,
    [table],
  );
  return Number(rows[0]?.bytes);
}

/** What a probe stores beside the columns: fields that say nothing are left out. */
const DETAIL = {
  reasons: ["accepted"],
  rating: "excellent",
  score_version: "2026-11",
  safe_to_send: true,
  mx: "mx1.example.com",
  provider: "postfix",
  probe_region: "eu",
  flags: { catch_all: "no", catch_all_confidence: 0.97, exists: true },
  evidence: {
    code: 250,
    enhanced_code: "2.1.5",
    text: "2.1.5 Ok",
    stage: "rcpt",
    host: "mx1.example.com",
    tls: "TLSv1.3",
  },
};

function resultsOf(first: number): unknown[] {
  const checked_at = new Date().toISOString();
  return Array.from({ length: CHUNK_ITEMS }, (_, i) => {
    const n = first + i;
    return {
      n,
      email: `user${n}@example.com`,
      status: "deliverable",
      reason: "accepted",
      score: 95,
      detail: DETAIL,
      checked_at,
    };
  });
}

async function makeTenant(admin: Client): Promise<string> {
  const id = randomUUID();
  await admin.query("INSERT INTO tenants (id, name) VALUES ($1, 'bench')", [id]);
  return id;
}

async function makeJob(admin: Client, tenant: string, rows: number): Promise<string> {
  const { rows: made } = await admin.query<{ id: string }>(
    `INSERT INTO jobs (id, tenant_id, state, source_kind, source_key, staged_rows, ingested)
     VALUES (uuidv7(), $1, 'running', 'json', 'bench', $2, true) RETURNING id`,
    [tenant, rows],
  );
  return made[0]?.id ?? "";
}

const round = (value: number): number => Math.round(value * 100) / 100;

if (import.meta.main) await bench((name, value, unit) => console.log(JSON.stringify({ name, value, unit })));
