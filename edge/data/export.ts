import { type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import type { Reason, Status } from "../../shared/verdict/vocabulary.ts";
import { type Dialect, dialect } from "../tables/table.ts";
import type { Database, Row } from "./database.ts";

/** What of a job its export needs; `staged`: rows that have come in so far. */
export type ExportJob = {
  readonly id: string;
  readonly name: string;
  readonly sourceKey: string;
  /** How to read the list; null when the job has none of its own. */
  readonly dialect: Dialect | null;
  readonly staged: number;
  /** Whether a duplicate has the verdict of the row that it repeats, before it has its own. */
  readonly shared: boolean;
  /** Some rows were erased. */
  readonly erased: boolean;
  /** The job has ended: rows that it has not read get no verdict any more. */
  readonly over: boolean;
};

const jobRow = z.object({
  id: z.string(),
  name: z.string(),
  source_key: z.string(),
  dialect: dialect.nullable(),
  staged_rows: z.number(),
  shared: z.boolean(),
  erased: z.boolean(),
  over: z.boolean(),
});

/** The job to be exported; null when the tenant has none of that id. */
export async function readExportJob(database: Database, tenantId: string, id: string): Promise<ExportJob | null> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`select id, name, source_key, options -> 'dialect' as dialect, staged_rows,
               coalesce(options ->> 'dedupe', '') <> 'one_per_domain' as shared,
               coalesce((options ->> 'erased')::boolean, false) as erased,
               state in ('completed', 'cancelled', 'failed') as over
          from jobs where id = ${id} and deleted_at is null`,
  ]);
  if (row === undefined) return null;
  const { source_key: sourceKey, staged_rows: staged, ...job } = jobRow.parse(row);
  return { ...job, sourceKey, staged };
}

/** Flags that results can be filtered by: those that are true or false, and domains that accept everything. */
export const FLAG_FILTERS = [
  "disposable",
  "role",
  "free",
  "privacy_relay",
  "catch_all",
  "mailbox_full",
  "disabled",
  "no_reply",
  "tagged",
  "forwarded",
  "moved",
  "soft_code",
  "exists",
] as const;
type FlagFilter = (typeof FLAG_FILTERS)[number];

/** Which rows are wanted; each list is "any of these", and an empty one asks for nothing. */
export type RowFilter = {
  readonly statuses: readonly Status[];
  readonly reasons: readonly Reason[];
  readonly flags: readonly FlagFilter[];
  readonly duplicates: "include" | "skip" | "only";
  /** Rows without a verdict so far. */
  readonly pending: "include" | "skip";
};

/**
 * The rows in (after, upTo] of a job in order, each with its verdict or that of the row it repeats, if any, as far as
 * the filter lets them through.
 */
export async function exportPage(
  database: Database,
  tenantId: string,
  { id, shared }: ExportJob,
  after: number,
  upTo: number,
  filter: RowFilter,
): Promise<Row[]> {
  const judged = shared ? sql`case when decided or dup_of is null then row_no else dup_of end` : sql`row_no`;
  // LATERAL with its limit is one index look-up per row, whatever the planner believes of rows it has no statistics of.
  const [page = []] = await database.tenant(tenantId, [
    sql`select i.row_no, i.email, i.dup_of, v.status, v.reason, v.score, v.detail, v.checked_at
          from (select row_no, email, dup_of, ${judged} as judged
                  from job_items where job_id = ${id} and row_no > ${after} and row_no <= ${upTo}
                   and not erased and ${duplicatesOf(filter)}) i
          left join lateral (select status, reason, score, detail, checked_at from verdicts
                              where job_id = ${id} and item_no = i.judged limit 1) v on true
         where ${conditionOf(filter)}
         order by i.row_no`,
  ]);
  return page;
}

function duplicatesOf({ duplicates }: RowFilter): SQL {
  if (duplicates === "include") return sql`true`;
  return duplicates === "only" ? sql`dup_of is not null` : sql`dup_of is null`;
}

function conditionOf({ statuses, reasons, flags, pending }: RowFilter): SQL {
  const conditions: SQL[] = [];
  if (pending === "skip") conditions.push(sql`v.status is not null`);
  if (statuses.length > 0) conditions.push(sql`v.status = any (${sql.param(statuses)}::text[])`);
  if (reasons.length > 0) conditions.push(sql`v.reason = any (${sql.param(reasons)}::text[])`);
  if (flags.length > 0) conditions.push(sql`(${sql.join(flags.map(flagIs), sql` or `)})`);
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
}

// Only flags that differ from nothing learnt are stored.
const flagIs = (flag: FlagFilter): SQL =>
  sql`(v.detail -> 'flags' ->> ${flag}::text) = ${flag === "catch_all" ? "yes" : "true"}`;

/** Counts of one domain in a job. `by_status` has rows with a verdict of their own. */
const domainRow = z.object({
  domain: z.string(),
  rows: z.coerce.number(),
  duplicates: z.coerce.number(),
  by_status: z.record(z.string(), z.coerce.number()),
});

/** The `most` domains with the most rows in a job, the largest first, and how many domains there are. */
export async function topDomains(
  database: Database,
  tenantId: string,
  id: string,
  most: number,
): Promise<{ readonly domains: number; readonly top: z.infer<typeof domainRow>[] }> {
  const [, rows = []] = await database.tenant(tenantId, [
    sql`select set_config('enable_nestloop', 'off', true)`,
    sql`with sizes as (
          select domain, count(*) as rows, count(dup_of) as duplicates, (count(*) over ())::integer as domains
            from job_items where job_id = ${id} and domain is not null
           group by domain order by 2 desc, 1 limit ${most}::integer
        ), kinds as (
          select i.domain, v.status, count(*) as n
            from job_items i join sizes on sizes.domain = i.domain
            join verdicts v on v.job_id = ${id} and v.item_no = i.row_no
           where i.job_id = ${id} group by 1, 2
        )
        select s.*, (select coalesce(jsonb_object_agg(status, n), '{}') from kinds k where k.domain = s.domain) as by_status
          from sizes s order by s.rows desc, s.domain`,
  ]);
  return { domains: Number(rows[0]?.domains ?? 0), top: rows.map((row) => domainRow.parse(row)) };
}
