import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import { checkpoint, type Dialect, dialect } from "../tables/table.ts";
import type { Database } from "./database.ts";
import { reverifyRows } from "./reverify.ts";
import { takeUpload } from "./uploads.ts";

export const JOB_STATES = [
  "queued",
  "ingesting",
  "running",
  "paused",
  "finalising",
  "completed",
  "cancelled",
  "failed",
] as const;

export type NewJob = {
  readonly id: string;
  readonly tenantId: string;
  readonly keyId: string;
  readonly name: string;
  /** 1 high, 2 normal, 3 low. */
  readonly lane: number;
  readonly mode: Mode;
  readonly roleIsRisky: boolean;
  /** Object that holds the list, and how to read it. */
  readonly sourceKey: string;
  readonly dialect: Dialect;
  /** Which rows of it are duplicates of one another. */
  readonly dedupe: Dedupe;
  readonly tags: readonly string[];
  /** Ask again whatever is cached. */
  readonly fresh: boolean;
  /** Credits held until the list is read: about the most rows that it can have. */
  readonly hold: number;
  /** The upload that the list came as, which makes one job only; null for a list that came with its job. */
  readonly uploadId: string | null;
  readonly traceId: string;
};

/** What makes two rows duplicates; `none`: every row is checked and billed for itself. */
export const DEDUPES = ["exact", "case_insensitive", "canonical", "one_per_domain", "none"] as const;
export type Dedupe = (typeof DEDUPES)[number];

/** Stores a job and the hold on its tenant's credits. False when its upload is gone or has made a job already. */
export async function createJob(database: Database, job: NewJob): Promise<boolean> {
  const { dialect: read, dedupe, fresh, hold, uploadId } = job;
  const roles = { role_is_risky: job.roleIsRisky };
  const options = JSON.stringify({ ...roles, dialect: read, dedupe, fresh, rows_at_most: hold });
  const taken = uploadId === null ? sql`select 1` : takeUpload(uploadId, job.id);
  const [[row] = []] = await database.tenant(job.tenantId, [
    sql`with taken as (${taken}), made as (
          insert into jobs (id, tenant_id, key_id, name, state, lane, mode, options, source_kind, source_key, tags, trace_id)
          select ${job.id}::uuid, ${job.tenantId}::uuid, ${job.keyId}, ${job.name}, 'queued', ${job.lane}::smallint,
                 ${job.mode}, ${options}::jsonb, ${read.kind}, ${job.sourceKey},
                 ${sql.param([...job.tags])}::text[], ${job.traceId}
            from taken
          returning id, tenant_id
        )
        insert into credit_ledger (tenant_id, kind, amount, ref)
        select tenant_id, 'hold', ${job.hold}::bigint, id from made
        returning ref`,
  ]);
  return row !== undefined;
}

const ingestRow = z.object({
  state: z.enum(JOB_STATES),
  mode: z.enum(["edge", "dns", "full"]),
  lane: z.number(),
  options: z.object({
    role_is_risky: z.boolean().default(false),
    dialect: dialect.nullable().default(null),
    dedupe: z.enum(DEDUPES).default("case_insensitive"),
    reverify: reverifyRows.optional(),
  }),
  parent_id: z.string().nullable(),
  source_key: z.string(),
  key_id: z.string().nullable(),
  staged_rows: z.number(),
  ingested: z.boolean(),
  reading: checkpoint.nullable(),
  rules: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(["allow", "block"]),
      match: z.enum(["address", "domain", "pattern"]),
      value: z.string(),
    }),
  ),
});

/** What ingest needs of a job; `reading` is where the row after `staged_rows` begins, null at the beginning. */
export type IngestJob = z.infer<typeof ingestRow>;

/** Reads a job that may be taken in; null when there is none. */
export async function openIngest(database: Database, tenantId: string, id: string): Promise<IngestJob | null> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`select state, mode, lane, options, parent_id, source_key, key_id, staged_rows, ingested,
               checkpoint -> 'reading' as reading,
               coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'match', r.match, 'value', r.value)
                                          order by r.created_at, r.id) from tenant_rules r), '[]'::jsonb) as rules
          from jobs where id = ${id}`,
  ]);
  return row === undefined ? null : ingestRow.parse(row);
}

/**
 * From now on a job's list is read from another object. Nothing happens when that was said before, or when the job is
 * no longer being ingested; true when it is so now.
 */
export async function replaceSource(
  database: Database,
  tenantId: string,
  id: string,
  key: string,
  read: Dialect,
): Promise<boolean> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`update jobs set source_key = ${key}, options = options || jsonb_build_object('dialect', ${JSON.stringify(read)}::jsonb)
         where id = ${id} and state = 'ingesting' and staged_rows = 0 and source_key <> ${key} returning id`,
  ]);
  return row !== undefined;
}

/**
 * Ends the reading of a list; the hold becomes what the list turned out to have. Nothing happens to a job that is no
 * longer being ingested.
 */
export async function endIngest(database: Database, tenantId: string, id: string, rows: number): Promise<void> {
  await database.tenant(tenantId, [
    sql`with ended as (
          update jobs set ingested = true, staged_rows = ${rows},
                          checkpoint = checkpoint || jsonb_build_object('at', now())
           where id = ${id} and state = 'ingesting' and not ingested returning id
        )
        select revise_hold(id, ${rows}::bigint) from ended`,
  ]);
}

/** Ends a job that cannot go on, gives its credits back and tells the tenant. */
export async function failJob(database: Database, tenantId: string, id: string, error: string): Promise<void> {
  await database.tenant(tenantId, [
    sql`with failed as (
          update jobs set state = 'failed', error = ${error}, finished_at = now()
           where id = ${id} and state in ('queued', 'ingesting') returning *
        ), released as (
          insert into credit_ledger (tenant_id, kind, amount, ref)
          select f.tenant_id, 'release', coalesce(sum(l.amount), 0)::bigint, f.id
            from failed f left join credit_ledger l on l.ref = f.id and l.kind = 'hold' and l.tenant_id = f.tenant_id
           group by f.tenant_id, f.id
        )
        select raise_event(f.tenant_id, 'job.failed',
                           jsonb_build_object('id', f.id, 'name', f.name, 'state', f.state, 'error', f.error,
                                              'created_at', f.created_at, 'finished_at', f.finished_at), f.trace_id)
          from failed f`,
  ]);
}

/** Ends a job if none of its chunks is open. True when this call ended it. */
export async function finaliseJob(database: Database, tenantId: string, id: string): Promise<boolean> {
  // Seen by others while the end of a long list is being counted.
  await database.tenant(tenantId, [
    sql`update jobs set state = 'finalising'
         where id = ${id} and state = 'running'
           and not exists (select 1 from chunks where job_id = ${id} and state <> 'done')`,
  ]);
  const [[row] = []] = await database.tenant(tenantId, [sql`select finalise_job(${id}) as ended`]);
  return row?.ended === true;
}

// ---------------------------------------------------------------- what the owner sees

const counts = z.record(z.string(), z.coerce.number());

const jobRow = z.object({
  id: z.string(),
  parent_id: z.string().nullable(),
  tags: z.array(z.string()),
  name: z.string(),
  state: z.enum(JOB_STATES),
  mode: z.string(),
  lane: z.number(),
  staged_rows: z.number(),
  ingested: z.boolean(),
  duplicates: z.number(),
  options: z.object({ rows_at_most: z.number().default(0) }),
  planned: z.object({ decided: z.number(), waiting_duplicates: z.number(), counts }).nullable(),
  since: z.string().nullable(),
  settled_before: z.coerce.number(),
  summary: z.record(z.string(), z.unknown()).nullable(),
  error: z.string().nullable(),
  created_at: z.date(),
  started_at: z.date().nullable(),
  finished_at: z.date().nullable(),
});

const chunkSums = z.object({
  settled: z.coerce.number(),
  open: z.coerce.number(),
  deferred: z.coerce.number(),
  next_at: z.date().nullable(),
  last_at: z.date().nullable(),
  /** Settled by chunks that ended within the last minute, and how many those were. */
  lately: z.coerce.number(),
  lately_chunks: z.coerce.number(),
  counts,
});

/** A job and the sums over its chunks. `planned` is null until the list was taken in. */
export type JobView = z.infer<typeof jobRow> & { readonly chunks: z.infer<typeof chunkSums> };

const JOB_COLUMNS = sql`id, parent_id, tags, name, state, mode, lane, staged_rows, ingested, duplicates, options,
  checkpoint -> 'planned' as planned, checkpoint ->> 'since' as since,
  coalesce((checkpoint ->> 'settled_before')::bigint, 0) as settled_before, summary, error, created_at, started_at, finished_at`;

/** One job of the tenant; null when there is none. One round trip. */
export async function readJob(database: Database, tenantId: string, id: string): Promise<JobView | null> {
  const [[job] = [], [sums] = []] = await database.tenant(tenantId, [
    sql`select ${JOB_COLUMNS} from jobs where id = ${id} and deleted_at is null`,
    sql`select coalesce(sum(settled), 0) as settled, coalesce(sum(open_items), 0) as "open",
               coalesce(sum(deferred) filter (where state in ('planned', 'held')), 0) as deferred,
               min(not_before) filter (where state = 'planned' and not_before > now()) as next_at,
               max(not_before) filter (where state = 'planned' and not_before > now()) as last_at,
               coalesce(sum(settled) filter (where done_at > now() - interval '1 minute'), 0) as lately,
               count(*) filter (where done_at > now() - interval '1 minute') as lately_chunks,
               (select coalesce(jsonb_object_agg(k, n), '{}'::jsonb)
                  from (select e.key as k, sum(e.value::bigint) as n
                          from chunks c, jsonb_each_text(c.counts) e where c.job_id = ${id} group by 1) x) as counts
          from chunks where job_id = ${id}`,
  ]);
  if (job === undefined || sums === undefined) return null;
  return { ...jobRow.parse(job), chunks: chunkSums.parse(sums) };
}

/** What jobs are wanted; a name in part, times as RFC 3339. */
export type JobFilter = {
  readonly ids?: readonly string[] | undefined;
  readonly state?: (typeof JOB_STATES)[number] | undefined;
  readonly tag?: string | undefined;
  readonly name?: string | undefined;
  readonly parent_id?: string | undefined;
  readonly created_from?: string | undefined;
  readonly created_to?: string | undefined;
};

/** The tenant's jobs, newest first, before the job `before`. Sums over chunks are left out: zero. */
export async function listJobs(
  database: Database,
  tenantId: string,
  limit: number,
  before: string | null,
  filter: JobFilter = {},
): Promise<JobView[]> {
  const { ids, state, tag, name, parent_id: parent, created_from: from, created_to: to } = filter;
  const wanted = [sql`deleted_at is null`];
  if (before !== null) wanted.push(sql`id < ${before}::uuid`);
  if (ids !== undefined) wanted.push(sql`id = any (${sql.param([...ids])}::uuid[])`);
  if (state !== undefined) wanted.push(sql`state = ${state}`);
  if (tag !== undefined) wanted.push(sql`tags @> array[${tag}::text]`);
  if (name !== undefined) wanted.push(sql`strpos(lower(name), lower(${name})) > 0`);
  if (parent !== undefined) wanted.push(sql`parent_id = ${parent}::uuid`);
  if (from !== undefined) wanted.push(sql`created_at >= ${from}::timestamptz`);
  if (to !== undefined) wanted.push(sql`created_at < ${to}::timestamptz`);
  const [rows = []] = await database.tenant(tenantId, [
    sql`select ${JOB_COLUMNS} from jobs where ${sql.join(wanted, sql` and `)} order by id desc limit ${limit}`,
  ]);
  const chunks = {
    settled: 0,
    open: 0,
    deferred: 0,
    next_at: null,
    last_at: null,
    lately: 0,
    lately_chunks: 0,
    counts: {},
  };
  return rows.map((row) => ({ ...jobRow.parse(row), chunks }));
}
