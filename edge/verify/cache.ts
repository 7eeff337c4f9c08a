import { z } from "zod";
import { verdictSchema } from "../../shared/verdict/schema.ts";
import type { Verdict } from "../../shared/verdict/types.ts";
import { REASON_TABLE, type Reason } from "../../shared/verdict/vocabulary.ts";
import type { Env } from "../env.ts";
import { KV_CACHE_TTL_S } from "../limits.ts";

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
/** KV refuses a shorter life. */
const KV_TTL_MIN_S = 60;

/** How long an answer about the recipient or the domain holds (MAIL.md 4, "Kept"), in seconds, by reason. */
export const KEPT_S: Partial<Record<Reason, number>> = {
  accepted: 7 * DAY_S,
  mailbox_not_found: 7 * DAY_S,
  mailbox_disabled: 7 * DAY_S,
  restricted: 7 * DAY_S,
  smtputf8_unsupported: 7 * DAY_S,
  catch_all: DAY_S,
  gateway_protected: DAY_S,
  unconfirmed: DAY_S,
  mailbox_full: DAY_S,
  domain_dead: DAY_S,
  disposable: DAY_S,
  mx_parked: DAY_S,
  possible_typo: DAY_S,
  // DNS: its TTL is not on the verdict; an hour is what zones commonly ask for.
  domain_not_found: HOUR_S,
  null_mx: HOUR_S,
  no_mail_host: HOUR_S,
  unroutable_ip: HOUR_S,
};

/** Seconds for which a verdict is kept; null when it is not: our own trouble, or theirs without a time to come back. */
export function keptFor(verdict: Verdict): number | null {
  const kept = KEPT_S[verdict.reason];
  if (kept !== undefined) return kept;
  if (REASON_TABLE[verdict.reason].fault !== "theirs" || verdict.retry_after === null) return null;
  return Math.min(DAY_S, Math.max(KV_TTL_MIN_S, verdict.retry_after));
}

/** Key of a tenant's verdict on an address. The option is part of it because it changes the status. */
export async function verdictKey(tenantId: string, normalised: string, roleIsRisky: boolean): Promise<string> {
  const text = `${normalised.toLowerCase()}|${roleIsRisky ? 1 : 0}`;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `v:${tenantId}:${btoa(String.fromCharCode(...hash))}`;
}

/** What a tenant wants of its cache. */
export type CachePolicy = {
  /** Days that answers about a mailbox hold; no answer is older. 0: nothing is answered from the cache. */
  readonly days: number;
  /** Answers before this (epoch ms) no longer count: of the whole tenant, and by domain. */
  readonly clearedAt: number;
  readonly domainsClearedAt: ReadonlyMap<string, number>;
};

export const CACHE_DAYS_DEFAULT = 7;

/** When the tenant last dropped answers about a domain, epoch ms. */
const clearedAt = (policy: CachePolicy, domain: string): number =>
  Math.max(policy.clearedAt, policy.domainsClearedAt.get(domain) ?? 0);

/** Whether what was learnt about a domain at that time (epoch ms) still counts for the tenant. */
export const counts = (policy: CachePolicy, domain: string, atMs: number): boolean => atMs > clearedAt(policy, domain);

/** The tenant's verdict from KV, marked as cached; null when there is none that counts, or KV is away. */
export async function readVerdict(
  kv: Env["kv"],
  key: string,
  policy: CachePolicy,
  domain: string,
): Promise<Verdict | null> {
  const stored = await kv.get(key, { type: "json", cacheTtl: KV_CACHE_TTL_S }).catch(() => null);
  const parsed = stored === null ? null : verdictSchema.safeParse(stored);
  if (!parsed?.success) return null;
  const at = Date.parse(parsed.data.checked_at);
  // Kept when the tenant wanted answers to hold for longer.
  const inTime = Date.now() - at <= policy.days * DAY_S * 1_000;
  return inTime && counts(policy, domain, at) ? { ...parsed.data, cached: true } : null;
}

/** Keeps a verdict for as long as its reason and the tenant allow. */
export async function keepVerdict(kv: Env["kv"], key: string, verdict: Verdict, policy: CachePolicy): Promise<void> {
  const kept = keptFor(verdict);
  if (kept === null) return;
  const own = policy.days * DAY_S;
  const ttl = Math.floor(kept >= CACHE_DAYS_DEFAULT * DAY_S ? own : Math.min(kept, own));
  if (ttl >= KV_TTL_MIN_S) await kv.put(key, JSON.stringify(verdict), { expirationTtl: ttl });
}

/** Drops the tenant's answer about an address. Isolates elsewhere may give it for another minute. */
export async function dropVerdict(kv: Env["kv"], tenantId: string, normalised: string): Promise<void> {
  const keys = await Promise.all([false, true].map((risky) => verdictKey(tenantId, normalised, risky)));
  await Promise.all(keys.map((key) => kv.delete(key)));
}

// ---------------------------------------------------------------- domain facts, known to all tenants

const domainFact = z.object({
  fact: z.enum(["domain_not_found", "null_mx", "no_mail_host", "catch_all"]),
  confidence: z.number().min(0).max(1),
  mx: z.string().nullable(),
  provider: z.string().nullable(),
  learned_at: z.number(),
});

/** Something about a domain that decides each of its addresses. Times are epoch milliseconds. */
export type DomainFact = z.infer<typeof domainFact>;

const factKey = (domain: string): string => `d:${domain}`;

/** The deciding fact of a domain from KV; null when there is none, or KV is away. */
export async function readFact(kv: Env["kv"], domain: string): Promise<DomainFact | null> {
  const stored = await kv.get(factKey(domain), { type: "json", cacheTtl: KV_CACHE_TTL_S }).catch(() => null);
  const parsed = domainFact.safeParse(stored);
  return parsed.success ? parsed.data : null;
}

/** The fact of the domain that a probe's verdict on one address carries; null when it carries none. */
export function factIn(verdict: Verdict, nowMs: number): DomainFact | null {
  const { reason, flags, mx, provider } = verdict;
  if (reason === "domain_not_found" || reason === "null_mx" || reason === "no_mail_host") {
    return { fact: reason, confidence: 1, mx, provider, learned_at: nowMs };
  }
  const confidence = flags.catch_all_confidence ?? 0;
  if (reason !== "catch_all" || flags.catch_all !== "yes" || confidence < 0.9) return null;
  return { fact: "catch_all", confidence, mx, provider, learned_at: nowMs };
}

/** Keeps a domain's fact: a day for catch-all, an hour for what DNS said. */
export async function keepFact(kv: Env["kv"], domain: string, fact: DomainFact): Promise<void> {
  await kv.put(factKey(domain), JSON.stringify(fact), { expirationTtl: fact.fact === "catch_all" ? DAY_S : HOUR_S });
}
