import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { ClientBase } from "pg";
import { base62, formatKey, KEY_ID_CHARS, KEY_SECRET_CHARS, type KeyMode, parseKey } from "../../shared/keys/key.ts";
import { ALL_OF_TENANT } from "../../shared/keys/scopes.ts";

/** The plans of the price list, cheapest first. */
export const PLANS = ["free", "starter", "pro", "enterprise"] as const;
type Plan = (typeof PLANS)[number];

export type NewTenant = { readonly id: string; readonly name: string; readonly plan: Plan; readonly credits: number };

/**
 * Creates a tenant with its first credits. The connection is role `app`, whose tenant is set to the new one for the
 * transaction: row-level security lets it write nobody else's rows.
 * @returns false when the tenant is there already; nothing is changed then
 */
export function createTenant(db: ClientBase, tenant: NewTenant): Promise<boolean> {
  return inTenant(db, tenant.id, async () => {
    const made = await db.query(
      "INSERT INTO tenants (id, name, plan) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
      [tenant.id, tenant.name, tenant.plan],
    );
    if (made.rowCount === 0) return false;
    if (tenant.credits > 0) {
      await db.query("INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES ($1, 'grant', $2, $3)", [
        tenant.id,
        tenant.credits,
        randomUUID(),
      ]);
    }
    return true;
  });
}

/** A new API key's text. It is shown once; the database keeps its hash. */
export function newApiKey(mode: KeyMode): string {
  // Bytes above 247 are thrown away, which is rare: twice the length is plenty.
  const id = base62(randomBytes(2 * KEY_ID_CHARS), KEY_ID_CHARS);
  return formatKey(mode, id, base62(randomBytes(2 * KEY_SECRET_CHARS), KEY_SECRET_CHARS));
}

/**
 * Stores a key of a tenant; `db` is role `app`. Storing the same key again changes nothing.
 * @param scopes see shared/keys/scopes.ts; all of the tenant's own unless given
 */
export function storeApiKey(
  db: ClientBase,
  tenantId: string,
  name: string,
  key: string,
  scopes: readonly string[] = [ALL_OF_TENANT],
): Promise<void> {
  const parsed = parseKey(key);
  if (!parsed.ok) throw new Error("storeApiKey: not a key");
  const { id, mode } = parsed.value;
  return inTenant(db, tenantId, async () => {
    await db.query(
      `INSERT INTO api_keys (id, tenant_id, name, mode, secret_hash, scopes) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (id) DO NOTHING`,
      [id, tenantId, name, mode, sha256(key), scopes],
    );
  });
}

export type ProbeToken = { readonly id: string; readonly token: string };

/** A new probe's id and token. The token is shown once; the database keeps its hash. */
export function newProbeToken(): ProbeToken {
  const id = `probe-${randomBytes(4).toString("hex")}`;
  return { id, token: `pt_${id}_${randomBytes(32).toString("base64url")}` };
}

/** Stores a probe's credential; `db` is the owner of the tables. Storing the same one again changes nothing. */
export async function storeProbeToken(db: ClientBase, region: string, name: string, made: ProbeToken): Promise<void> {
  await db.query(
    "INSERT INTO probe_credentials (id, region, name, secret_hash) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
    [made.id, region, name, sha256(made.token)],
  );
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Runs statements in one transaction of a tenant. */
export async function inTenant<T>(db: ClientBase, tenantId: string, body: () => Promise<T>): Promise<T> {
  await db.query("BEGIN");
  try {
    await db.query("SELECT set_config('app.tenant_id', $1, true)", [tenantId]);
    const value = await body();
    await db.query("COMMIT");
    return value;
  } catch (error) {
    await db.query("ROLLBACK");
    throw error;
  }
}
