import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "./database.ts";

const dayRow = z.object({ day: z.string(), hits: z.coerce.number(), asked: z.coerce.number() });

/** Answers of one day (UTC) that came from the cache, and those that a mail host was asked for. */
export type CacheDay = z.infer<typeof dayRow>;

/** How often the cache answered on each of the last `days` days that had calls or lists, oldest first. */
export async function cacheDays(database: Database, tenantId: string, days: number): Promise<CacheDay[]> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`select day::text as day, sum(cache_hits) as hits, sum(smtp_checks) as asked from usage_records
         where tenant_id = ${tenantId}::uuid and day > (now() at time zone 'UTC')::date - ${days}::integer
         group by day order by day`,
  ]);
  return rows.map((row) => dayRow.parse(row));
}

/** Sets for how many days answers about a mailbox hold. */
export async function setCacheDays(database: Database, tenantId: string, days: number): Promise<void> {
  await database.tenant(tenantId, [
    sql`update tenants set options = options || jsonb_build_object('cache_days', ${days}::numeric) where id = ${tenantId}`,
  ]);
}

/** Whose answers no longer count. */
export type CacheMark =
  | { readonly kind: "all" }
  | { readonly kind: "domain"; readonly domain: string }
  | { readonly kind: "email"; readonly email: string };

/** From now on answers given until now no longer count for lists; for calls the mark travels with the key. */
export async function markCache(database: Database, tenantId: string, mark: CacheMark): Promise<void> {
  const value =
    mark.kind === "email"
      ? sql`encode(email_hash(${mark.email}), 'hex')`
      : sql`${mark.kind === "domain" ? mark.domain : ""}::text`;
  await database.tenant(tenantId, [
    sql`insert into cache_marks (tenant_id, kind, value, at) values (${tenantId}, ${mark.kind}, ${value}, now())
        on conflict (tenant_id, kind, value) do update set at = excluded.at`,
  ]);
}
