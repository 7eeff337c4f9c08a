import { sql } from "drizzle-orm";
import { z } from "zod";
import type { SealedSecret } from "../../shared/webhook/sealed.ts";
import type { Database } from "./database.ts";

const endpointRow = z.object({
  id: z.string(),
  url: z.string(),
  event_types: z.array(z.string()),
  state: z.enum(["active", "disabled"]),
  description: z.string(),
  created_at: z.date(),
});

/** A webhook endpoint as its owner may see it: without its secrets. */
export type StoredEndpoint = z.infer<typeof endpointRow>;

export type NewEndpoint = {
  readonly id: string;
  readonly url: string;
  readonly eventTypes: readonly string[];
  readonly description: string;
  readonly secret: SealedSecret;
};

/** Stores an endpoint; null when the tenant has `most` already. */
export async function addEndpoint(
  database: Database,
  tenantId: string,
  endpoint: NewEndpoint,
  most: number,
): Promise<StoredEndpoint | null> {
  const { id, url, eventTypes, description, secret } = endpoint;
  const [, [row] = []] = await database.tenant(tenantId, [
    sql`select 1 from tenants where id = ${tenantId} for update`,
    sql`insert into webhook_endpoints (id, tenant_id, url, event_types, secrets, description)
        select ${id}::uuid, ${tenantId}::uuid, ${url}, ${sql.param([...eventTypes])}::text[],
               ${JSON.stringify([secret])}::jsonb, ${description}
         where (select count(*) from webhook_endpoints where id <> ${id}) < ${most}
        -- Made before by a call whose answer, with the secret, was lost.
        on conflict (id) do update set secrets = excluded.secrets
        returning id, url, event_types, state, description, created_at`,
  ]);
  return row === undefined ? null : endpointRow.parse(row);
}

/** The tenant's endpoints, newest first, before the endpoint `before`. */
export async function listEndpoints(
  database: Database,
  tenantId: string,
  limit: number,
  before: string | null,
): Promise<StoredEndpoint[]> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`select id, url, event_types, state, description, created_at from webhook_endpoints
         where ${before === null ? sql`true` : sql`id < ${before}::uuid`} order by id desc limit ${limit}`,
  ]);
  return rows.map((row) => endpointRow.parse(row));
}
