import { createHash, randomBytes } from "node:crypto";
import type { ClientBase } from "pg";
import { FLEET_SECRET_BYTES, formatFleetToken } from "../../shared/fleet/token.ts";

export type JoinToken = { readonly id: string; readonly token: string };

/** A new place in the fleet: the id of the probe to be, and the token that it joins with. The token is shown once. */
export function newJoinToken(): JoinToken {
  const id = `probe-${randomBytes(4).toString("hex")}`;
  return { id, token: formatFleetToken("pj", id, randomBytes(FLEET_SECRET_BYTES).toString("base64url")) };
}

/**
 * Stores a join token, hashed; `db` is the owner of the tables or role `dispatcher`.
 * @returns when it lapses (RFC 3339)
 */
export async function storeJoinToken(
  db: ClientBase,
  region: string,
  name: string,
  made: JoinToken,
  ttlS: number,
): Promise<string> {
  const hash = createHash("sha256").update(made.token).digest("hex");
  const { rows } = await db.query<{ at: Date }>("SELECT offer_probe($1, $2, $3, $4, $5) AS at", [
    made.id,
    region,
    name,
    hash,
    ttlS,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error("offer_probe returned nothing");
  return row.at.toISOString();
}
