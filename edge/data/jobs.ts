import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import { type ListFormat, listFormat } from "../jobs/list.ts";
import type { Database, Row } from "./database.ts";

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
  readonly format: ListFormat;
  /** Credits held: the most rows that the list can have. */
  readonly hold: number;
  readonly traceId: string;
};

/** Stores a job and the hold on its tenant's credits. */
export async function createJob(database: Database, job: NewJob): Promise<void> {
  const options = JSON.stringify({ role_is_risky: job.roleIsRisky, format: job.format, rows_at_most: job.hold });
  await database.tenant(job.tenantId, [
    sql`insert into jobs (id, tenant_id, key_id, name, state, lane, mode, options, source_kind, source_key, trace_id)
        values (${job.id}, ${job.tenantId}, ${job.keyId}, ${job.name}, 'queued', ${job.lane}, ${job.mode},
                ${options}::jsonb, ${job.format.kind}, ${job.sourceKey}, ${job.traceId})`,
    sql`insert into credit_ledger (tenant_id, kind, amount, ref) values (${job.tenantId}, 'hold', ${job.hold}, ${job.id})`,
  ]);
}

const ingestRow = z.object({
  state: z.enum(JOB_STATES),
  mode: z.enum(["edge", "dns", "full"]),
  lane: z.number(),
  options: z.object({ role_is_risky: z.boolean(), format: listFormat }),
  source_key: z.string(),
  key_id: z.string().nullable(),
  staged_rows: z.number(),
  ingested: z.boolean(),
  offset: z.coerce.number(),
  rules: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(["allow", "block"]),
      match: z.enum(["address", "domain", "pattern"]),
      value: z.string(),
    }),
  ),
});

/** What ingest needs of a job; `offset` is where the row after `staged_rows` begins. */
export type IngestJob = z.infer<typeof ingestRow>;

/** Takes a queued job up, or goes on with one being ingested; null when there is no such job. */
export async function openIngest(database: Database, tenantId: string, id: string): Promise<IngestJob | null> {
  const [, [row] = []] = await database.tenant(tenantId, [
    sql`update jobs set state = 'ingesting', started_at = now() where id = ${id} and state = 'queued'`,
    sql`select state, mode, lane, options, source_key, key_id, staged_rows, ingested,
               coalesce((checkpoint ->> 'offset')::bigint, 0) as "offset",
               coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'match', r.match, 'value', r.value)
                                          order by r.created_at, r.id) from tenant_rules r), '[]'::jsonb) as rules
          from jobs where id = ${id}`,
  ]);
  return row === undefined ? null : ingestRow.parse(row);
}

/** Ends the reading of a list. Nothing happens to a job that is no longer being ingested. */
export async function endIngest(database: Database, tenantId: string, id: string, rows: number): Promise<void> {
  await database.tenant(tenantId, [
    sql`update jobs set ingested = true, staged_rows = ${rows},
                        checkpoint = checkpoint || jsonb_build_object('at', now())
         where id = ${id} and state = 'ingesting' and not ingested`,
  ]);
}

/** Ends a job that cannot go on, and gives its credits back. */
export async function failJob(database: Database, tenantId: string, id: string, error: string): Promise<void> {
  await database.tenant(tenantId, [
    sql`with failed as (
          update jobs set state = 'failed', error = ${error}, finished_at = now()
           where id = ${id} and state in ('queued', 'ingesting') returning id, tenant_id
        )
        insert into credit_ledger (tenant_id, kind, amount, ref)
        select f.tenant_id, 'release', coalesce(sum(l.amount), 0)::bigint, f.id
          from failed f left join credit_ledger l on l.ref = f.id and l.kind = 'hold' and l.tenant_id = f.tenant_id
         group by f.tenant_id, f.id`,
  ]);
}

/** Ends a job if none of its chunks is open. True when this call ended it. */
export async function finaliseJob(database: Database, tenantId: string, id: string): Promise<boolean> {
  const [[row] = []] = await database.tenant(tenantId, [sql`select finalise_job(${id}) as ended`]);
  return row?.ended === true;
}

// ---------------------------------------------------------------- what the owner sees

const counts = z.record(z.string(), z.coerce.number());

const jobRow = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(JOB_STATES),
  mode: z.string(),
  lane: z.number(),
  staged_rows: z.number(),
  ingested: z.boolean(),
  duplicates: z.number(),
  options: z.object({ rows_at_most: z.number().default(0) }),
  planned: z.object({ decided: z.number(), waiting_duplicates: z.number(), counts }).nullable(),
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
  counts,
});

/** A job and the sums over its chunks. `planned` is null until the list was taken in. */
export type JobView = z.infer<typeof jobRow> & { readonly chunks: z.infer<typeof chunkSums> };

const JOB_COLUMNS = sql`id, name, state, mode, lane, staged_rows, ingested, duplicates, options,
  checkpoint -> 'planned' as planned, summary, error, created_at, started_at, finished_at`;

/** One job of the tenant; null when there is none. One round trip. */
export async function readJob(database: Database, tenantId: string, id: string): Promise<JobView | null> {
  const [[job] = [], [sums] = []] = await database.tenant(tenantId, [
    sql`select ${JOB_COLUMNS} from jobs where id = ${id}`,
    sql`select coalesce(sum(settled), 0) as settled, coalesce(sum(open_items), 0) as "open",
               coalesce(sum(deferred) filter (where state = 'planned'), 0) as deferred,
               min(not_before) filter (where state = 'planned' and not_before > now()) as next_at,
               (select coalesce(jsonb_object_agg(k, n), '{}'::jsonb)
                  from (select e.key as k, sum(e.value::bigint) as n
                          from chunks c, jsonb_each_text(c.counts) e where c.job_id = ${id} group by 1) x) as counts
          from chunks where job_id = ${id}`,
  ]);
  if (job === undefined || sums === undefined) return null;
  return { ...jobRow.parse(job), chunks: chunkSums.parse(sums) };
}

/** The tenant's jobs, newest first, before the job `before`. Sums over chunks are left out: zero. */
export async function listJobs(
  database: Database,
  tenantId: string,
  limit: number,
  before: string | null,
): Promise<JobView[]> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`select ${JOB_COLUMNS} from jobs
         where ${before === null ? sql`true` : sql`id < ${before}::uuid`} order by id desc limit ${limit}`,
  ]);
  const chunks = { settled: 0, open: 0, deferred: 0, next_at: null, counts: {} };
  return rows.map((row) => ({ ...jobRow.parse(row), chunks }));
}

/** A page of a job's rows after `afterRow`, in order, each with its verdict or that of the row it repeats, if any. */
export async function exportPage(
  database: Database,
  tenantId: string,
  id: string,
  afterRow: number,
  rows: number,
): Promise<Row[]> {
  // LATERAL with its limit is one index look-up per row, whatever the planner believes of rows it has no statistics of.
  const [page = []] = await database.tenant(tenantId, [
    sql`select i.row_no, i.email, i.dup_of, v.status, v.reason, v.score, v.detail, v.checked_at
          from (select row_no, email, dup_of, case when decided or dup_of is null then row_no else dup_of end as judged
                  from job_items where job_id = ${id} and row_no > ${afterRow} order by row_no limit ${rows}) i
          left join lateral (select status, reason, score, detail, checked_at from verdicts
                              where job_id = ${id} and item_no = i.judged limit 1) v on true
         order by i.row_no`,
  ]);
  return page;
}
