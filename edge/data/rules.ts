import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "./database.ts";

const ruleRow = z.object({
  id: z.string(),
  kind: z.enum(["allow", "block"]),
  match: z.enum(["address", "domain", "pattern"]),
  value: z.string(),
  created_at: z.date(),
});

export type StoredRule = z.infer<typeof ruleRow>;
export type NewRule = Omit<StoredRule, "created_at">;

/**
 * Stores a rule unless the tenant has the same one or `most` already. The tenant's row is locked meanwhile, so two
 * calls cannot both take the last place.
 */
export async function addRule(
  database: Database,
  tenantId: string,
  rule: NewRule,
  most: number,
): Promise<StoredRule | "duplicate" | "full"> {
  const { id, kind, match, value } = rule;
  const [, [count] = [], [row] = []] = await database.tenant(tenantId, [
    sql`select 1 from tenants where id = ${tenantId} for update`,
    sql`select count(*)::integer as n from tenant_rules`,
    sql`insert into tenant_rules (id, tenant_id, kind, match, value)
        select ${id}::uuid, ${tenantId}::uuid, ${kind}, ${match}, ${value}
         where (select count(*) from tenant_rules) < ${most}
        on conflict (tenant_id, kind, match, value) do nothing
        returning id, kind, match, value, created_at`,
  ]);
  if (row !== undefined) return ruleRow.parse(row);
  return Number(count?.n) >= most ? "full" : "duplicate";
}

/** All rules of a tenant, oldest first. */
export async function listRules(database: Database, tenantId: string): Promise<StoredRule[]> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`select id, kind, match, value, created_at from tenant_rules order by created_at, id`,
  ]);
  return rows.map((row) => ruleRow.parse(row));
}

/** Removes a rule. False when the tenant has none with this id. */
export async function removeRule(database: Database, tenantId: string, id: string): Promise<boolean> {
  const [rows = []] = await database.tenant(tenantId, [sql`delete from tenant_rules where id = ${id} returning id`]);
  return rows.length > 0;
}
