import { createDatabase } from "../data/database.ts";
import { createDispatch, type ProbeCredential } from "../data/dispatch.ts";
import type { Env } from "../env.ts";
import { CREDENTIAL_CACHE_MAX, CREDENTIAL_CACHE_MS } from "./limits.ts";
import { hubName, hubObject, hubOfProbe } from "./rpc.ts";

type Cached = { readonly credential: ProbeCredential | null; readonly untilMs: number };

// Isolate memory of ids that get nobody in, so that hammering the door costs no look-ups. Whoever is let in is looked up
// each time: a revocation or a quarantine must hold from the next connection on.
const cache = new Map<string, Cached>();

const TOKEN = /^pt_([A-Za-z0-9-]{1,48})_([A-Za-z0-9_-]{20,128})$/;

/**
 * The hub's door: admits a probe's WebSocket (`GET /v1/probes/connect?region=…[&shard=…]`, bearer token
 * `pt_<id>_<secret>`) and forwards it to its hub. Refusals are RFC 9457 problems: 401 for a token that is malformed,
 * unknown or revoked, 403 for a region that is not the token's, 426 without an upgrade, 503 while Postgres is away.
 */
export async function admitProbe(env: Env, request: Request): Promise<Response> {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return problem(426, "upgrade-required", "Upgrade required", "Probes connect by WebSocket.", {
      upgrade: "websocket",
    });
  }
  const probe = await identifyProbe(env, request);
  if (probe instanceof Response) return probe;
  if (probe.quarantined) {
    return problem(403, "quarantined", "In quarantine", "An operator has taken this probe out of service.");
  }
  return forward(env, request, probe);
}

/** Whose token a request carries; otherwise the answer to give: 401, or 503 while Postgres is away. */
export async function identifyProbe(env: Env, request: Request): Promise<ProbeCredential | Response> {
  const token = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const id = TOKEN.exec(token)?.[1];
  if (id === undefined) return unauthorised("The request carries no well-formed probe token.");
  let credential: ProbeCredential | null;
  try {
    credential = await credentialOf(env, id);
  } catch {
    return problem(503, "unavailable", "Temporarily unavailable", "The token cannot be checked now.", {
      "retry-after": "5",
    });
  }
  const admitted = await matches(token, credential?.secret_hash ?? "0".repeat(64));
  if (credential === null || !admitted) return unauthorised("The probe token is not known.");
  if (credential.revoked_at !== null) return unauthorised("The probe token has been revoked.");
  return credential;
}

async function forward(env: Env, request: Request, credential: ProbeCredential): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const region = query.get("region") ?? credential.region;
  if (region !== credential.region) {
    return problem(403, "wrong-region", "Wrong region", `The probe token is for region "${credential.region}".`);
  }
  const asked = query.get("shard");
  const shard = Number(asked);
  if (asked !== null && !(Number.isInteger(shard) && shard >= 0 && shard < env.hubShards)) {
    return problem(404, "no-such-shard", "No such shard", `The region has ${env.hubShards} hubs.`);
  }
  const name = asked === null ? hubOfProbe(env, region, credential.id) : hubName(region, shard);
  const headers = new Headers(request.headers);
  headers.delete("authorization");
  headers.set("x-probe-credential", credential.id);
  headers.set("x-probe-region", credential.region);
  headers.set("x-probe-quarantined", credential.quarantined_sources.join(" "));
  headers.set("x-hub", name);
  return hubObject(env, name).fetch(new Request("https://hub/connect", { headers }));
}

async function credentialOf(env: Env, id: string): Promise<ProbeCredential | null> {
  const now = Date.now();
  const hit = cache.get(id);
  if (hit !== undefined && hit.untilMs > now) return hit.credential;
  const credential = await createDispatch(createDatabase(env)).probeCredential(id);
  if (credential !== null && credential.revoked_at === null) return credential;
  if (cache.size >= CREDENTIAL_CACHE_MAX) cache.clear();
  cache.set(id, { credential, untilMs: now + CREDENTIAL_CACHE_MS });
  return credential;
}

/** Compares the token's SHA-256 with the stored one, in time that does not depend on where they differ. */
async function matches(token: string, hashHex: string): Promise<boolean> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
  let difference = hashHex.length === 64 ? 0 : 1;
  digest.forEach((byte, i) => {
    difference |= byte ^ Number.parseInt(hashHex.slice(2 * i, 2 * i + 2), 16);
  });
  return difference === 0;
}

const unauthorised = (detail: string): Response =>
  problem(401, "unauthorized", "Unauthorized", detail, { "www-authenticate": 'Bearer realm="probes"' });

function problem(
  status: number,
  slug: string,
  title: string,
  detail: string,
  headers?: Record<string, string>,
): Response {
  return Response.json(
    { type: `/problems/${slug}`, title, status, detail },
    { status, headers: { "content-type": "application/problem+json", ...headers } },
  );
}
