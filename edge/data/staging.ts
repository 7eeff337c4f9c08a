import { sql } from "drizzle-orm";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { Database } from "./database.ts";
import { detailOf, storable } from "./verdict-row.ts";

/** Rows of a list as columns, beginning after row `base`; `verdicts` are those that the edge decided, by row number. */
export type Batch = {
  readonly base: number;
  readonly emails: string[];
  /** A-label; null when the address does not parse. */
  readonly domains: (string | null)[];
  /** What makes two rows duplicates. */
  readonly dedupe: string[];
  readonly verdicts: { readonly row: number; readonly verdict: Verdict }[];
};

/** How far a list is staged without a gap, and where its next row begins. */
export type Checkpoint = { readonly rows: number; readonly offset: number };

/**
 * Stages a batch: rows, and verdicts of those that the edge decided, in one statement, so that a batch that comes
 * again (a message delivered twice, a crash before the checkpoint) finds its rows there and changes nothing. The
 * checkpoint that goes with it is of earlier batches and only ever moves forward.
 */
export async function stageBatch(
  database: Database,
  tenantId: string,
  jobId: string,
  keyId: string | null,
  batch: Batch,
  checkpoint: Checkpoint,
): Promise<void> {
  const { verdicts } = batch;
  await database.tenant(tenantId, [
    sql`with decided as (
          select * from unnest(${sql.param(verdicts.map((one) => one.row))}::integer[],
                               ${sql.param(verdicts.map((one) => one.verdict.status))}::text[],
                               ${sql.param(verdicts.map((one) => one.verdict.reason))}::text[],
                               ${sql.param(verdicts.map((one) => one.verdict.score))}::smallint[],
                               ${sql.param(verdicts.map((one) => detailOf(one.verdict)))}::jsonb[],
                               ${sql.param(verdicts.map((one) => one.verdict.checked_at))}::timestamptz[])
                 as d (row_no, status, reason, score, detail, checked_at)
        ), staged as (
          insert into job_items (job_id, row_no, tenant_id, email, domain, dedupe, decided)
          select ${jobId}::uuid, ${batch.base}::integer + r.k::integer, ${tenantId}::uuid, r.email, r.domain,
                 substr(sha256(convert_to(r.dedupe, 'UTF8')), 1, 16), d.row_no is not null
            from unnest(${sql.param(batch.emails.map(storable))}::text[], ${sql.param(batch.domains)}::text[],
                        ${sql.param(batch.dedupe.map(storable))}::text[]) with ordinality as r (email, domain, dedupe, k)
            left join decided d on d.row_no = ${batch.base}::integer + r.k::integer
          on conflict (job_id, row_no) do nothing
          returning row_no, email
        )
        insert into verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source,
                              key_id, checked_at)
        select ${jobId}::uuid, s.row_no, ${tenantId}::uuid, s.email, email_hash(s.email), d.status, d.reason, d.score,
               d.detail, 'edge', ${keyId}, d.checked_at
          from staged s join decided d using (row_no)`,
    advance(jobId, checkpoint),
  ]);
}

/** Moves a job's checkpoint forward by itself. */
export async function saveCheckpoint(
  database: Database,
  tenantId: string,
  jobId: string,
  checkpoint: Checkpoint,
): Promise<void> {
  await database.tenant(tenantId, [advance(jobId, checkpoint)]);
}

const advance = (jobId: string, checkpoint: Checkpoint) =>
  sql`update jobs set staged_rows = ${checkpoint.rows},
             checkpoint = checkpoint || jsonb_build_object('offset', ${checkpoint.offset}::bigint, 'at', now())
       where id = ${jobId} and state = 'ingesting' and not ingested and staged_rows < ${checkpoint.rows}`;
