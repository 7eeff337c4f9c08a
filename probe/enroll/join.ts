import { createHash, randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import { FLEET_SECRET_BYTES, formatFleetToken, parseFleetToken } from "../../shared/fleet/token.ts";
import { err, ok, type Result } from "../../shared/result.ts";

export type Membership = { readonly probe: string; readonly region: string; readonly token: string };

/** Times the edge is asked when it does not answer, and the pause before each further time. */
const TRIES = 4;
const PAUSE_MS = 1_000;
const TIMEOUT_MS = 10_000;

/**
 * Trades a join token for a credential of this probe's own. The secret is made here and stays here: only its SHA-256
 * travels. An answer that is lost costs nothing, because the same hash may be brought again.
 * @param pauseMs before asking again
 * @returns the credential, or one sentence that says why there is none
 */
export async function joinEdge(
  edgeUrl: string,
  joinToken: string,
  pauseMs = PAUSE_MS,
): Promise<Result<Membership, string>> {
  const offered = parseFleetToken(joinToken);
  if (offered?.kind !== "pj") return err("the token is no join token (pj_…)");
  const { id } = offered;
  const token = formatFleetToken("pt", id, randomBytes(FLEET_SECRET_BYTES).toString("base64url"));
  const body = JSON.stringify({ credential_sha256: createHash("sha256").update(token).digest("hex") });
  let trouble = "";
  for (let tried = 0; tried < TRIES; tried += 1) {
    if (tried > 0) await pause(pauseMs * tried);
    const answer = await post(new URL("/v1/probes/enroll", edgeUrl), joinToken, body);
    if (answer.status === 201 && answer.region !== null) return ok({ probe: id, region: answer.region, token });
    if (answer.status >= 400 && answer.status < 500) return err(answer.detail);
    trouble = answer.detail;
  }
  return err(`${edgeUrl} cannot be reached: ${trouble}`);
}

type Answer = { readonly status: number; readonly region: string | null; readonly detail: string };

async function post(url: URL, token: string, body: string): Promise<Answer> {
  try {
    const response = await request(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const said: unknown = await response.body.json().catch(() => null);
    const detail = textOf(said, "detail") ?? `it answers ${response.statusCode}`;
    return { status: response.statusCode, region: textOf(said, "region"), detail };
  } catch (error) {
    const detail = error instanceof Error ? error.message || error.name : String(error);
    return { status: 0, region: null, detail };
  }
}

function textOf(body: unknown, field: string): string | null {
  if (typeof body !== "object" || body === null) return null;
  const value: unknown = Reflect.get(body, field);
  return typeof value === "string" ? value : null;
}
