import { sql } from "drizzle-orm";
import type { Reason, Status } from "../../shared/verdict/vocabulary.ts";
import type { Checkpoint } from "../tables/table.ts";
import type { Database } from "./database.ts";
import { storable } from "./verdict-row.ts";

/** What many rows of a list have in common: the same verdict but for the address. */
export type VerdictKind = {
  readonly status: Status;
  readonly reason: Reason;
  readonly score: number;
  /** The `detail` column, JSON. */
  readonly detail: string;
};

/** Rows of a list as columns, beginning after row `base`. */
export type Batch = {
  readonly base: number;
  readonly emails: string[];
  /** A-label; null when the address does not parse. */
  readonly domains: (string | null)[];
  /** What makes two rows duplicates. */
  readonly dedupe: string[];
  /** For each row that an allow rule of the tenant matched, the rule's id. */
  readonly allowRules: (string | null)[];
  /** For each row that the edge decided, the number of its verdict in `verdicts`, from 1; null for the others. */
  readonly kinds: (number | null)[];
  readonly verdicts: VerdictKind[];
  /** RFC 3339: when the verdicts were made. */
  readonly checkedAt: string;
};

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
    sql`select keep_ingesting(${jobId})`,
    // Nothing is known of the length of the arrays: expecting few rows, the planner would compare all with all.
    sql`select set_config('enable_nestloop', 'off', true)`,
    sql`with kinds as (
          select * from unnest(${sql.param(verdicts.map((one) => one.status))}::text[],
                               ${sql.param(verdicts.map((one) => one.reason))}::text[],
                               ${sql.param(verdicts.map((one) => one.score))}::smallint[],
                               ${sql.param(verdicts.map((one) => one.detail))}::json[])
                 with ordinality as d (status, reason, score, detail, kind)
        ), given as (
          select ${batch.base}::integer + r.n::integer as row_no, r.email, r.domain, r.dedupe, r.allow_rule, r.kind
            from unnest(${sql.param(batch.emails.map(storable))}::text[], ${sql.param(batch.domains)}::text[],
                        ${sql.param(batch.dedupe.map(storable))}::text[], ${sql.param(batch.allowRules)}::text[],
                        ${sql.param(batch.kinds)}::integer[])
                 with ordinality as r (email, domain, dedupe, allow_rule, kind, n)
        ), staged as (
          insert into job_items (job_id, row_no, tenant_id, email, domain, dedupe, allow_rule, decided)
          select ${jobId}::uuid, row_no, ${tenantId}::uuid, email, domain,
                 substr(sha256(convert_to(dedupe, 'UTF8')), 1, 16), allow_rule, kind is not null
            from given
          on conflict (job_id, row_no) do nothing
          returning row_no
        )
        insert into verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source,
                              key_id, checked_at)
        select ${jobId}::uuid, given.row_no, ${tenantId}::uuid, given.email, email_hash(given.email), kinds.status,
               kinds.reason, kinds.score, kinds.detail, 'edge', ${keyId}, ${batch.checkedAt}::timestamptz
          from given join staged on staged.row_no = given.row_no join kinds on kinds.kind = given.kind`,
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
  sql`update jobs set staged_rows = ${checkpoint.rowNo},
             checkpoint = checkpoint || jsonb_build_object('reading', ${JSON.stringify(checkpoint)}::jsonb, 'at', now())
       where id = ${jobId} and state = 'ingesting' and not ingested and staged_rows < ${checkpoint.rowNo}`;
