import { sql } from "drizzle-orm";
import type { AnswerRecord } from "../../shared/wire/messages.ts";
import type { Database } from "./database.ts";
import { detailOf, storable, storableJson } from "./verdict-row.ts";

/**
 * Writes real-time answers of one tenant: verdict, usage, cost and audit, in one statement. The queue delivers at
 * least once: a check that has its verdict already is left alone, with everything that hangs on it.
 * @returns how many were new
 */
export async function writeAnswers(
  database: Database,
  tenantId: string,
  records: readonly AnswerRecord[],
): Promise<number> {
  const rows = records.map(({ id, key, source, billable, trace, verdict }) => ({
    id,
    key,
    source,
    billable,
    smtp: source === "probe" ? 1 : 0,
    hit: source === "cache" ? 1 : 0,
    trace,
    email: storable(verdict.email),
    status: verdict.status,
    reason: verdict.reason,
    score: verdict.score,
    checked_at: verdict.checked_at,
    detail: detailOf(verdict),
  }));
  const [[row] = []] = await database.tenant(tenantId, [
    sql`with given as (
          select * from json_to_recordset(${storableJson(rows)}::json) as g
            (id uuid, key text, source text, billable integer, smtp integer, hit integer, trace text, email text, status text,
             reason text, score smallint, checked_at timestamptz, detail text)
        ), put as (
          insert into verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source,
                                key_id, checked_at)
          select id, 0, ${tenantId}::uuid, email, email_hash(email), status, reason, score, detail::jsonb, source, key,
                 checked_at
            from given
          on conflict (job_id, item_no) do nothing
          returning job_id
        ), fresh as (
          select distinct on (given.id) given.* from given join put on put.job_id = given.id
        ), used as (
          insert into usage_records (tenant_id, ref, day, key_id, endpoint, emails, billable, smtp_checks, cache_hits, at)
          select ${tenantId}::uuid, id, (checked_at at time zone 'UTC')::date, key, 'verify', 1, billable, smtp, hit, checked_at
            from fresh
        ), settled as (
          insert into credit_ledger (tenant_id, kind, amount, ref)
          select ${tenantId}::uuid, 'settle', billable, id from fresh
        ), audited as (
          insert into audit_log (id, tenant_id, at, actor, action, target, status, trace_id)
          select id, ${tenantId}::uuid, checked_at, key, 'verify', id::text, 200, trace from fresh
        )
        select count(*)::integer as fresh from put`,
  ]);
  return Number(row?.fresh ?? 0);
}
