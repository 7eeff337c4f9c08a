import ipaddr from "ipaddr.js";
import { parseKey } from "../../../shared/keys/key.ts";
import { allows, type Scope } from "../../../shared/keys/scopes.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import type { KeyLookup, KnownKey } from "../../access.ts";
import { WINDOW_MS } from "../../meter/machine.ts";
import type { Grant, RateNumbers } from "../../meter/meter.ts";
import { limitsOf } from "../../meter/plans.ts";
import type { Services } from "../../services.ts";
import type { Problem } from "../problems.ts";

/** An admitted caller and what its call leaves of its limit. */
export type Admission = { readonly caller: KnownKey; readonly rate: RateNumbers | null };

/**
 * Admits a call: the key is well-formed, known, current, and may do this from here. One call is counted.
 * Waits for nothing while the isolate holds the key and a lease of the tenant.
 */
export async function admit(
  request: Request,
  services: Services,
  scope: Scope,
  nowMs: number,
): Promise<Result<Admission, Problem>> {
  const found = await identified(request, services, scope, nowMs);
  if (!found.ok) return found;
  const { key } = found.value.known;
  const granting = services.meter.grant(key.tenant_id, limitsOf(key.plan), nowMs);
  const grant: Grant = granting instanceof Promise ? await granting : granting;
  const caller = await current(found.value, grant.changedAt, request, services, scope, nowMs);
  return caller.ok ? ok({ caller: caller.value, rate: grant.rate }) : caller;
}

/** Whether a call that goes on for long would still be admitted. Nothing is counted. */
export async function stillAdmitted(
  request: Request,
  services: Services,
  scope: Scope,
  nowMs: number,
): Promise<boolean> {
  const found = await identified(request, services, scope, nowMs);
  if (!found.ok) return false;
  const changedAt = await services.meter.changedAt(found.value.known.key.tenant_id, nowMs);
  return (await current(found.value, changedAt, request, services, scope, nowMs)).ok;
}

/** A key that the caller proved to own, with the hash that proved it. */
type Identified = { readonly known: KnownKey; readonly hash: ArrayBuffer };

async function identified(
  request: Request,
  services: Services,
  scope: Scope,
  nowMs: number,
): Promise<Result<Identified, Problem>> {
  const text = keyText(request);
  if (text === null) return err({ slug: "missing_key" });
  const parsed = parseKey(text);
  if (!parsed.ok) return err({ slug: "malformed_key", detail: KEY_FAULTS[parsed.error] });
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const found = services.keys.find(parsed.value.id, nowMs);
  const known = owned(found instanceof Promise ? await found : found, hash);
  if (!known.ok) return known;
  const refused = refusal(known.value, request, scope, nowMs);
  return refused === null ? ok({ known: known.value, hash }) : err(refused);
}

/** The key as it is after the tenant's latest change. */
async function current(
  { known, hash }: Identified,
  changedAt: number,
  request: Request,
  services: Services,
  scope: Scope,
  nowMs: number,
): Promise<Result<KnownKey, Problem>> {
  if (!services.keys.isStale(known, changedAt)) return ok(known);
  const fresh = owned(await services.keys.refresh(known, changedAt, nowMs), hash);
  if (!fresh.ok) return fresh;
  const refused = refusal(fresh.value, request, scope, nowMs);
  return refused === null ? fresh : err(refused);
}

/** RateLimit fields (draft-ietf-httpapi-ratelimit-headers) of the tightest window. */
export function rateHeaders(headers: Headers, rate: RateNumbers, nowMs: number): void {
  const seconds = Math.max(0, Math.ceil((rate.resetAt - nowMs) / 1000));
  headers.set("ratelimit-policy", `"${rate.window}";q=${rate.limit};w=${WINDOW_MS[rate.window] / 1000}`);
  headers.set("ratelimit", `"${rate.window}";r=${rate.remaining};t=${seconds}`);
}

const KEY_FAULTS = {
  shape: "The text does not have the form of a key: ev_live_… or ev_test_….",
  checksum: "The key's checksum does not fit: characters were lost or changed on the way.",
} as const;

function keyText(request: Request): string | null {
  const own = request.headers.get("x-api-key");
  if (own !== null) return own.trim();
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.get("authorization") ?? "");
  return bearer?.[1] ?? null;
}

/** The key, if the caller proved to own it. A wrong secret and a key that never was look the same from outside. */
function owned(found: KeyLookup, hash: ArrayBuffer): Result<KnownKey, Problem> {
  if (found === "unavailable") {
    return err({ slug: "unavailable", detail: "The key cannot be checked now.", headers: { "retry-after": "5" } });
  }
  if (found === "unknown" || !crypto.subtle.timingSafeEqual(found.hash, hash)) return err({ slug: "unknown_key" });
  return ok(found);
}

function refusal(known: KnownKey, request: Request, scope: Scope, nowMs: number): Problem | null {
  const { key } = known;
  if (key.revoked_at !== null) return { slug: "revoked_key", extra: { revoked_at: key.revoked_at } };
  if (known.expiresAtMs <= nowMs) return { slug: "expired_key", extra: { expired_at: key.expires_at } };
  if (key.tenant_deleted_at !== null) return { slug: "account_closed" };
  if (!allows(key.scopes, scope)) {
    return { slug: "insufficient_scope", detail: `The call needs the scope "${scope}".`, extra: { scope } };
  }
  if (key.ip_allow.length > 0 && !isAllowedFrom(key.ip_allow, request)) return { slug: "ip_not_allowed" };
  return null;
}

/** Entries are addresses or CIDR blocks; an entry that cannot be read admits nobody. */
function isAllowedFrom(allowed: readonly string[], request: Request): boolean {
  const from = request.headers.get("cf-connecting-ip") ?? "";
  if (!ipaddr.isValid(from)) return false;
  const address = ipaddr.process(from);
  return allowed.some((entry) => {
    const block = entry.includes("/") ? entry : `${entry}/${entry.includes(":") ? 128 : 32}`;
    if (!ipaddr.isValidCIDR(block)) return false;
    const [network, bits] = ipaddr.parseCIDR(block);
    return network.kind() === address.kind() && address.match(network, bits);
  });
}
