import { type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import type { Database, Row } from "./database.ts";

export const REVERIFY_WHICH = ["all", "unknown", "selected"] as const;

/** Which rows of an earlier job are verified again; `items` are row numbers of it, for `selected`. */
export const reverifyRows = z.object({
  which: z.enum(REVERIFY_WHICH),
  items: z.array(z.int().min(1)).default([]),
});
export type ReverifyRows = z.infer<typeof reverifyRows>;

export type NewRun = {
  readonly id: string;
  readonly parentId: string;
  readonly tenantId: string;
  readonly keyId: string;
  readonly roleIsRisky: boolean;
  /** Null keeps what the earlier job has. */
  readonly name: string | null;
  readonly tags: readonly string[] | null;
  readonly lane: number | null;
  readonly rows: ReverifyRows;
  readonly traceId: string;
};

/** Rows of the earlier job that are wanted; erased ones are gone. */
const wanted = (parent: string, { which, items }: ReverifyRows): SQL => {
  const chosen: Record<ReverifyRows["which"], SQL> = {
    all: sql`true`,
    unknown: sql`exists (select 1 from verdicts v where v.job_id = ${parent} and v.item_no = i.row_no and v.status = 'unknown')`,
    selected: sql`i.row_no = any (${sql.param([...items])}::integer[])`,
  };
  return sql`from job_items i where i.job_id = ${parent} and not i.erased and ${chosen[which]}`;
};

/**
 * Makes a job of rows of an ended one, with the hold on the tenant's credits. Its list is put together when it is taken
 * in, and its answers are asked for anew. Made again under the same id, it is the same job.
 * @returns the number of rows; 0 makes no job
 */
export async function createRun(database: Database, run: NewRun): Promise<number> {
  const { id, parentId, tenantId, rows } = run;
  const options = JSON.stringify({ role_is_risky: run.roleIsRisky, fresh: true, dialect: null, reverify: rows });
  const [[row] = []] = await database.tenant(tenantId, [
    sql`with size as materialized (select count(*) as n ${wanted(parentId, rows)}), made as (
          insert into jobs (id, tenant_id, parent_id, key_id, name, state, lane, mode, options, source_kind, source_key,
                            tags, trace_id)
          select ${id}::uuid, ${tenantId}::uuid, p.id, ${run.keyId}, coalesce(${run.name}, p.name), 'queued',
                 coalesce(${run.lane}::smallint, p.lane), p.mode,
                 ${options}::jsonb || jsonb_build_object('rows_at_most', size.n, 'dedupe',
                                                         coalesce(p.options ->> 'dedupe', 'case_insensitive')),
                 'items', '', coalesce(${run.tags === null ? null : sql.param([...run.tags])}::text[], p.tags), ${run.traceId}
            from jobs p, size where p.id = ${parentId} and size.n > 0
          on conflict (id) do nothing
          returning id
        ), held as (
          insert into credit_ledger (tenant_id, kind, amount, ref)
          select ${tenantId}::uuid, 'hold', size.n, made.id from made, size
        )
        select n from size`,
  ]);
  return Number(row?.n ?? 0);
}

/** Rows in (after, upTo] of an ended job that are to be verified again: `row_no, email`, in order. */
export async function wantedPage(
  database: Database,
  tenantId: string,
  parent: string,
  rows: ReverifyRows,
  after: number,
  upTo: number,
): Promise<Row[]> {
  const [page = []] = await database.tenant(tenantId, [
    sql`select i.row_no, i.email ${wanted(parent, rows)} and i.row_no > ${after} and i.row_no <= ${upTo} order by i.row_no`,
  ]);
  return page;
}
