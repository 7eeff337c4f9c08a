import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Env } from "../env.ts";
import { KEY_KV_TTL_S, KV_CACHE_TTL_S } from "../limits.ts";
import type { Database } from "./database.ts";

const rule = z.object({
  id: z.string(),
  kind: z.enum(["allow", "block"]),
  match: z.enum(["address", "domain", "pattern"]),
  value: z.string(),
});

const snapshot = z.object({
  id: z.string(),
  tenant_id: z.string(),
  mode: z.enum(["live", "test"]),
  secret_hash: z.string().length(64),
  scopes: z.array(z.string()),
  ip_allow: z.array(z.string()),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  plan: z.string(),
  options: z.record(z.string(), z.unknown()),
  tenant_deleted_at: z.string().nullable(),
  rules: z.array(rule),
  /** Cached answers that no longer count; a copy of an older build has none. */
  cache_marks: z.array(z.object({ kind: z.enum(["all", "domain"]), value: z.string(), at: z.string() })).default([]),
});

/** All that admits a caller and judges its addresses, as of `loaded_at` (epoch ms). Times are RFC 3339 texts. */
export type KeySnapshot = z.infer<typeof snapshot> & { readonly loaded_at: number };

/** Reads a key from Postgres; null when there is none. */
export async function loadKey(database: Database, id: string, nowMs: number): Promise<KeySnapshot | null> {
  const [row] = await database.app(sql`select key_snapshot(${id}) as snapshot`);
  if (row === undefined || row.snapshot === null) return null;
  return { ...snapshot.parse(row.snapshot), loaded_at: nowMs };
}

/** Reads a key's copy from KV; null when there is none, or one of another build. */
export async function cachedKey(kv: Env["kv"], id: string): Promise<KeySnapshot | null> {
  const copy = await kv.get(`key:${id}`, { type: "json", cacheTtl: KV_CACHE_TTL_S });
  const parsed = snapshot.extend({ loaded_at: z.number() }).safeParse(copy);
  return parsed.success ? parsed.data : null;
}

/** Leaves a copy in KV for isolates everywhere. */
export async function cacheKey(kv: Env["kv"], key: KeySnapshot): Promise<void> {
  await kv.put(`key:${key.id}`, JSON.stringify(key), { expirationTtl: KEY_KV_TTL_S });
}
