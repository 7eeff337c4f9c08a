import { sql } from "drizzle-orm";
import { z } from "zod";
import { IDEMPOTENCY_LOCK_MS, IDEMPOTENCY_TTL_MS } from "../limits.ts";
import type { Database } from "./database.ts";

const response = z.object({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  /** Sealed: an answer may show a secret once. */
  body: z.string(),
});

/** An answer as it is kept. */
export type KeptResponse = z.infer<typeof response>;

const claimRow = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("run"), id: z.string() }),
  z.object({ outcome: z.literal("replay"), response }),
  z.object({ outcome: z.literal("busy") }),
  z.object({ outcome: z.literal("mismatch") }),
]);

/**
 * What a key says of a call: run it (what it makes has this id), give the kept answer again, somebody is at it, or the
 * key was used for another call.
 */
export type Claim = z.infer<typeof claimRow>;

export type IdempotentCall = {
  readonly key: string;
  readonly route: string;
  /** SHA-256 of the request, hex. */
  readonly hash: string;
  readonly freshId: string;
};

/** Claims an Idempotency-Key for a call. */
export async function claimKey(database: Database, tenantId: string, call: IdempotentCall): Promise<Claim> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`select outcome, id, response
          from claim_idempotency(${call.key}, ${call.route}, decode(${call.hash}, 'hex'), ${call.freshId},
                                 ${IDEMPOTENCY_LOCK_MS}, ${IDEMPOTENCY_TTL_MS})`,
  ]);
  return claimRow.parse(row);
}

/** Keeps the answer of a call that was run under `id`. */
export async function keepAnswer(
  database: Database,
  tenantId: string,
  key: string,
  id: string,
  answer: KeptResponse,
): Promise<void> {
  await database.tenant(tenantId, [
    sql`update idempotency_keys set state = 'done', response = ${JSON.stringify(answer)}::jsonb
         where key = ${key} and resource_id = ${id} and state = 'started'`,
  ]);
}

/** Gives a key back: `open` to any call when nothing was done, otherwise to the same call at once. */
export async function releaseKey(
  database: Database,
  tenantId: string,
  key: string,
  id: string,
  open: boolean,
): Promise<void> {
  await database.tenant(tenantId, [
    sql`update idempotency_keys set state = ${open ? "open" : "started"}, locked_until = now()
         where key = ${key} and resource_id = ${id} and state = 'started'`,
  ]);
}

/** Forgets keys whose day is over. */
export async function purgeKeys(database: Database, most: number): Promise<void> {
  await database.dispatcher(sql`select purge_idempotency(${IDEMPOTENCY_TTL_MS}, ${most})`);
}
