import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "./database.ts";
import type { BlankVerdict } from "./job-states.ts";

/** Who erased, for the audit log. */
export type Actor = { readonly keyId: string; readonly traceId: string };

const erased = z.object({
  verdicts: z.number(),
  rows: z.number(),
  open: z.number(),
  events: z.number(),
  lists: z.number(),
  reading: z.number(),
  /** Objects with uploaded lists that held the address. */
  objects: z.array(z.string()),
});

/** What was erased of an address: verdicts, rows of lists, chunks it was open in, events; lists still being read. */
export type Erased = z.infer<typeof erased>;

/** Erases an address and writes down that it was done: by the hash of the address, in the same transaction. */
export async function eraseAddress(
  database: Database,
  tenantId: string,
  email: string,
  blank: BlankVerdict,
  actor: Actor,
): Promise<Erased> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`with done as materialized (select erase_address(${email}, ${JSON.stringify(blank)}::jsonb) as report)
        insert into audit_log (id, tenant_id, at, actor, action, target, status, trace_id, detail)
        select gen_random_uuid(), ${tenantId}, now(), ${actor.keyId}, 'address.erased',
               'sha256:' || encode(email_hash(${email}), 'hex'), 200, ${actor.traceId}, report - 'objects'
          from done
        returning (select report from done) as report`,
  ]);
  return erased.parse(row?.report);
}

export type ResultCriteria = {
  readonly job: string;
  readonly statuses: readonly string[] | null;
  readonly reasons: readonly string[] | null;
  /** Checked before this time, RFC 3339. */
  readonly before: string | null;
};

/** Erases results of an ended job by what was found and when. Returns how many; null when there is no ended job. */
export async function eraseResults(
  database: Database,
  tenantId: string,
  { job, statuses, reasons, before }: ResultCriteria,
  actor: Actor,
): Promise<number | null> {
  const list = (values: readonly string[] | null) => (values === null ? null : sql.param([...values]));
  const detail = JSON.stringify({ statuses, reasons, before });
  const [[row] = []] = await database.tenant(tenantId, [
    sql`with done as materialized (
          select erase_results(${job}, ${list(statuses)}::text[], ${list(reasons)}::text[], ${before}::timestamptz) as n
        ), audited as (
          insert into audit_log (id, tenant_id, at, actor, action, target, status, trace_id, detail)
          select gen_random_uuid(), ${tenantId}, now(), ${actor.keyId}, 'results.erased', ${job}, 200, ${actor.traceId},
                 ${detail}::jsonb || jsonb_build_object('erased', n)
            from done where n is not null
        )
        select n from done`,
  ]);
  return row?.n == null ? null : Number(row.n);
}
