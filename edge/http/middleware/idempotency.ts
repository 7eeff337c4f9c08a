import { err, ok, type Result } from "../../../shared/result.ts";
import { attempt } from "../../data/database.ts";
import { claimKey, type KeptResponse, keepAnswer, releaseKey } from "../../data/idempotency.ts";
import { log } from "../../log.ts";
import { seal, unseal } from "../../seal.ts";
import { concatenated, readBytes } from "../body.ts";
import type { KeyedCall } from "../endpoint.ts";
import { createFormReader } from "../multipart.ts";
import type { Problem } from "../problems.ts";

/** Printable ASCII, as the header field's draft has it (draft-ietf-httpapi-idempotency-key-header). */
const KEY = /^[\x21-\x7e]{1,255}$/;
const CONTEXT = "idempotency-v1";
/** What of an answer comes again beside its body. */
const KEPT_HEADERS = ["content-type", "location", "retry-after"] as const;

type Handle = (call: KeyedCall) => Response | Problem | Promise<Response | Problem>;

/**
 * Runs a call at most once per Idempotency-Key and day. The key is claimed in Postgres before anything is done; the
 * answer is kept after. If the isolate dies in between, the claim lapses and the call is run again under the same id,
 * so that it finds what it made. Refused calls change nothing and give the key back.
 * @param route the route's method and path pattern
 * @param maxBytes bound of the route's body, which is read whole: it tells whether two calls are the same
 */
export async function idempotently(
  call: KeyedCall,
  key: string,
  route: string,
  maxBytes: number,
  handle: Handle,
): Promise<Response | Problem> {
  if (!KEY.test(key)) return { slug: "invalid_idempotency_key" };
  const { database, env } = call.services;
  const tenantId = call.caller.key.tenant_id;
  const body = await readBytes(call.request, maxBytes);
  if (!body.ok) return body.error;
  const hashed = await fingerprint(call.request, body.value);
  if (!hashed.ok) return hashed.error;
  const claim = await claimKey(database, tenantId, { key, route, hash: hashed.value, freshId: call.id });
  if (claim.outcome === "busy") return { slug: "idempotency_in_progress", headers: { "retry-after": "2" } };
  if (claim.outcome === "mismatch") return { slug: "idempotency_mismatch" };
  if (claim.outcome === "replay") return replayed(claim.response, env.sealingKey);

  const request = new Request(call.request, { body: body.value });
  let answer: Response | Problem;
  try {
    answer = await handle({ ...call, request, id: claim.id, again: claim.id !== call.id });
  } catch (error) {
    await attempt(releaseKey(database, tenantId, key, claim.id, false));
    throw error;
  }
  if (!(answer instanceof Response) || answer.status >= 400) {
    await attempt(releaseKey(database, tenantId, key, claim.id, true));
    return answer;
  }
  return kept(call, key, claim.id, answer);
}

/** Keeps an answer before it leaves. One that cannot be kept is given all the same: run again, it finds its work done. */
async function kept(call: KeyedCall, key: string, id: string, answer: Response): Promise<Response> {
  const { database, env } = call.services;
  const text = await answer.text();
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = answer.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const sealed = { status: answer.status, headers, body: await seal(text, CONTEXT, env.sealingKey) };
  const stored = await attempt(keepAnswer(database, call.caller.key.tenant_id, key, id, sealed));
  if (!stored.ok) log.warn({ trace_id: call.trace.traceId, code: stored.error.code }, "answer not kept under its key");
  return new Response(text === "" ? null : text, { status: answer.status, headers: answer.headers });
}

async function replayed(answer: KeptResponse, sealingKey: string): Promise<Response> {
  const body = await unseal(answer.body, CONTEXT, sealingKey);
  const headers = { ...answer.headers, "idempotency-replayed": "true" };
  return new Response(body === "" ? null : body, { status: answer.status, headers });
}

/**
 * SHA-256 (hex) of what makes two calls the same: method, path, query and body. The boundary of a form is made anew
 * for each sending, so of a form its parts count.
 */
async function fingerprint(request: Request, body: Uint8Array): Promise<Result<string, Problem>> {
  const url = new URL(request.url);
  const utf8 = new TextEncoder();
  const pieces: Uint8Array[] = [utf8.encode(`${request.method} ${url.pathname}${url.search}\n`)];
  const boundary = /^multipart\/form-data\s*;.*boundary=("?)([^";]+)\1/i.exec(
    request.headers.get("content-type") ?? "",
  )?.[2];
  if (boundary === undefined) pieces.push(body);
  else {
    const events = createFormReader(boundary).push(body);
    if (!events.ok) return err({ slug: "malformed_upload", detail: `The form is broken: ${events.error}.` });
    for (const event of events.value) {
      if (event.kind === "data") pieces.push(event.bytes);
      else pieces.push(utf8.encode(`\0${JSON.stringify(event)}\0`));
    }
  }
  const digest = await crypto.subtle.digest("SHA-256", concatenated(pieces));
  return ok(Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join(""));
}
