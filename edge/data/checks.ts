import { sql } from "drizzle-orm";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { CheckOptions, ChunkItem } from "../../shared/wire/frames.ts";
import type { Database } from "./database.ts";
import { storable, verdictOf } from "./verdict-row.ts";

/** A check whose caller left with a 202: its chunk carries it on. */
export type LateCheck = {
  readonly id: string;
  readonly tenantId: string;
  readonly keyId: string;
  readonly hub: string;
  readonly ticket: string;
  readonly email: string;
  readonly domain: string;
  readonly options: CheckOptions;
  readonly traceId: string;
};

/** Stores the one-item chunk of a late check under the check's own id, as if its hub had taken it with this ticket. */
export async function storeLateCheck(database: Database, check: LateCheck): Promise<void> {
  const item: ChunkItem = { n: 0, email: storable(check.email), tries: 0, due: 0, first: 0 };
  await database.tenant(check.tenantId, [
    sql`insert into chunks (id, tenant_id, job_id, kind, hub, lane, state, ticket, out_at, domain, options, items,
                            open_items, key_id, trace_id)
        values (${check.id}, ${check.tenantId}, ${check.id}, 'check', ${check.hub}, 0, 'out', ${check.ticket}, now(),
                ${check.domain}, ${JSON.stringify(check.options)}::jsonb, ${JSON.stringify([item])}::jsonb, 1,
                ${check.keyId}, ${check.traceId})`,
  ]);
}

/** Plans a late check that its hub no longer holds. The ticket tells whether anybody took it meanwhile. */
export async function planLateCheck(database: Database, check: LateCheck): Promise<void> {
  await database.tenant(check.tenantId, [
    sql`update chunks set state = 'planned', ticket = gen_random_uuid(), not_before = now(), out_at = null
         where id = ${check.id} and ticket = ${check.ticket} and state = 'out'`,
  ]);
}

/** What is known of a check: its verdict, that it is still open, or nothing (null). */
export async function findCheck(
  database: Database,
  tenantId: string,
  id: string,
): Promise<{ readonly verdict: Verdict } | "open" | null> {
  const [verdicts = [], chunks = []] = await database.tenant(tenantId, [
    sql`select email, status, reason, score, detail, checked_at from verdicts
         where job_id = ${id} and item_no = 0
           and not exists (select 1 from jobs where jobs.id = ${id})`,
    sql`select 1 from chunks where id = ${id} and kind = 'check'`,
  ]);
  const [row] = verdicts;
  if (row !== undefined) return { verdict: verdictOf(row) };
  return chunks.length > 0 ? "open" : null;
}
