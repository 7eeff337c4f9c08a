import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { Database } from "./database.ts";
import { verdictOf } from "./verdict-row.ts";

// ---------------------------------------------------------------- two runs of a list

const finding = { status: z.string().nullable(), reason: z.string().nullable(), score: z.number().nullable() };

const changeRow = z.object({
  row_no: z.number(),
  email: z.string(),
  ...finding,
  other_status: finding.status,
  other_reason: finding.reason,
  other_score: finding.score,
});

/** An address of one job and what another job says of it; nulls when that job does not have it. */
export type ComparedRow = z.infer<typeof changeRow>;

/** Rows of `id` that are no duplicates. Erased ones have no hash and are in no comparison. */
const firstRows = (id: string) => sql`
  select v.item_no as row_no, v.email, v.email_hash, v.status, v.reason, v.score
    from verdicts v join job_items i on i.job_id = ${id} and i.row_no = v.item_no and i.dup_of is null
   where v.job_id = ${id} and octet_length(v.email_hash) > 0`;

/**
 * Addresses in rows (after, upTo] of a job beside what another job says of them.
 * @param only `missing`: those that the other job does not have; `changed`: those it has otherwise, or not
 */
export async function comparedPage(
  database: Database,
  tenantId: string,
  job: string,
  other: string,
  rows: { readonly after: number; readonly upTo: number },
  only: "all" | "changed" | "missing",
): Promise<ComparedRow[]> {
  const wanted = {
    all: sql`true`,
    changed: sql`o.status is distinct from p.status or o.reason is distinct from p.reason`,
    missing: sql`o.status is null`,
  }[only];
  // One look-up per address by index: an address has few verdicts, a list has many.
  const [page = []] = await database.tenant(tenantId, [
    sql`select p.row_no, p.email, p.status, p.reason, p.score,
               o.status as other_status, o.reason as other_reason, o.score as other_score
          from (select * from (${firstRows(job)}) f where row_no > ${rows.after} and row_no <= ${rows.upTo}) p
          left join lateral (select v.status, v.reason, v.score from verdicts v
                              where v.tenant_id = ${tenantId}::uuid and v.email_hash = p.email_hash and v.job_id = ${other}::uuid
                              order by v.item_no limit 1) o on true
         where ${wanted} order by p.row_no`,
  ]);
  return page.map((row) => changeRow.parse(row));
}

const transitionRow = z.object({
  before: z.string().nullable(),
  after: z.string().nullable(),
  addresses: z.coerce.number(),
  reasons_changed: z.coerce.number(),
});

/** How many addresses went from one status to another; null: the job does not have them. */
export type Transition = z.infer<typeof transitionRow>;

/** All addresses of two jobs, counted by their status before and after. */
export async function transitions(
  database: Database,
  tenantId: string,
  before: string,
  after: string,
): Promise<Transition[]> {
  const [, rows = []] = await database.tenant(tenantId, [
    sql`select set_config('enable_nestloop', 'off', true)`,
    sql`select b.status as before, a.status as after, count(*) as addresses,
               count(*) filter (where a.reason <> b.reason) as reasons_changed
          from (select distinct on (email_hash) * from (${firstRows(before)}) x order by email_hash, row_no) b
          full join (select distinct on (email_hash) * from (${firstRows(after)}) x order by email_hash, row_no) a
            on a.email_hash = b.email_hash
         group by 1, 2 order by 1, 2`,
  ]);
  return rows.map((row) => transitionRow.parse(row));
}

// ---------------------------------------------------------------- a domain over time

const trendRow = z.object({
  job_id: z.string(),
  name: z.string(),
  tags: z.array(z.string()),
  at: z.date(),
  deliverable: z.number(),
  undeliverable: z.number(),
  risky: z.number(),
  unknown: z.number(),
});

/** What a list found of a domain, when it ended. */
export type TrendPoint = z.infer<typeof trendRow>;

/** What the tenant's lists found of a domain since `from` (RFC 3339), newest first. */
export async function domainTrend(
  database: Database,
  tenantId: string,
  domain: string,
  from: string,
  limit: number,
): Promise<TrendPoint[]> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`select d.job_id, j.name, j.tags, d.at, d.deliverable, d.undeliverable, d.risky, d.unknown
          from job_domains d join jobs j on j.id = d.job_id and j.deleted_at is null
         where d.tenant_id = ${tenantId}::uuid and d.domain = ${domain} and d.at >= ${from}::timestamptz
         order by d.job_id desc limit ${limit}`,
  ]);
  return rows.map((row) => trendRow.parse(row));
}

// ---------------------------------------------------------------- one address

/** A verdict that the tenant was given, and where: as a row of a job (then `job` has its name), or as a check. */
export type GivenVerdict = {
  readonly id: string;
  readonly job: string | null;
  readonly row: number;
  readonly source: string;
  readonly verdict: Verdict;
};

/** All verdicts of the tenant about an address, in any case, newest first. */
export async function verdictsOf(
  database: Database,
  tenantId: string,
  email: string,
  limit: number,
): Promise<GivenVerdict[]> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`select v.job_id, j.name, v.item_no, v.source, v.email, v.status, v.reason, v.score, v.detail, v.checked_at
          from verdicts v left join jobs j on j.id = v.job_id
         where v.tenant_id = ${tenantId}::uuid and v.email_hash = email_hash(${email})
         order by v.checked_at desc, v.job_id desc limit ${limit}`,
  ]);
  return rows.map((row) => ({
    id: String(row.job_id),
    job: row.name === null ? null : String(row.name),
    row: Number(row.item_no),
    source: String(row.source),
    verdict: verdictOf(row),
  }));
}
