import { type CompiledRules, compileRules } from "../shared/rules/rules.ts";
import { attempt, type Database } from "./data/database.ts";
import { cachedKey, cacheKey, type KeySnapshot, loadKey } from "./data/keys.ts";
import type { Env } from "./env.ts";
import { CLOCK_SKEW_MS, KEY_MEMORY_MAX, KEY_MEMORY_MS, UNKNOWN_KEY_MEMORY_MS } from "./limits.ts";
import { CACHE_DAYS_DEFAULT, type CachePolicy } from "./verify/cache.ts";

/** A key as an isolate holds it: its snapshot and what is derived from that once. */
export type KnownKey = {
  readonly key: KeySnapshot;
  /** SHA-256 of the whole key. */
  readonly hash: Uint8Array;
  readonly expiresAtMs: number;
  readonly rules: CompiledRules;
  /** Options of the tenant that change verdicts. */
  readonly roleIsRisky: boolean;
  readonly cache: CachePolicy;
  /** The latest change of the tenant that this snapshot is known to contain (epoch ms). */
  confirmedFor: number;
};

/** What a look-up may find; `unavailable`: in no cache, and Postgres is away. */
export type KeyLookup = KnownKey | "unknown" | "unavailable";

/** Keys by id: isolate memory, then KV, then Postgres. */
export type KeyRing = {
  find(id: string, nowMs: number): KeyLookup | Promise<KeyLookup>;
  /** Whether the tenant changed after the snapshot was loaded. */
  isStale(known: KnownKey, changedAt: number): boolean;
  /** Reads a stale key again; what was known stays in use while Postgres is away. */
  refresh(known: KnownKey, changedAt: number, nowMs: number): Promise<KeyLookup>;
};

type Remembered = { readonly known: KnownKey | null; readonly until: number };

/** The one key ring of an isolate. */
export function createKeyRing(env: Env, database: Database): KeyRing {
  const memory = new Map<string, Remembered>();
  const remember = (id: string, known: KnownKey | null, nowMs: number): void => {
    const oldest = memory.size < KEY_MEMORY_MAX ? undefined : memory.keys().next().value;
    if (oldest !== undefined) memory.delete(oldest);
    memory.set(id, { known, until: nowMs + (known === null ? UNKNOWN_KEY_MEMORY_MS : KEY_MEMORY_MS) });
  };
  return {
    find(id, nowMs) {
      const held = memory.get(id);
      if (held !== undefined && held.until > nowMs) return held.known ?? "unknown";
      return lookUp(env, database, id, nowMs, held?.known ?? null, remember);
    },
    isStale: (known, changedAt) => known.confirmedFor < changedAt && known.key.loaded_at < changedAt + CLOCK_SKEW_MS,
    async refresh(known, changedAt, nowMs) {
      const fresh = await fromPostgres(env, database, known.key.id, nowMs, remember);
      if (fresh === "unavailable") return known;
      if (fresh !== "unknown") fresh.confirmedFor = changedAt;
      return fresh;
    },
  };
}

type Remember = (id: string, known: KnownKey | null, nowMs: number) => void;

async function lookUp(
  env: Env,
  database: Database,
  id: string,
  nowMs: number,
  held: KnownKey | null,
  remember: Remember,
): Promise<KeyLookup> {
  // KV may be away: then Postgres answers, as it does when KV has no copy.
  const copy = await cachedKey(env.kv, id).catch(() => null);
  if (copy !== null) {
    const known = derive(copy);
    remember(id, known, nowMs);
    return known;
  }
  const found = await fromPostgres(env, database, id, nowMs, remember);
  return found === "unavailable" && held !== null ? held : found;
}

async function fromPostgres(
  env: Env,
  database: Database,
  id: string,
  nowMs: number,
  remember: Remember,
): Promise<KeyLookup> {
  const loaded = await attempt(loadKey(database, id, nowMs));
  if (!loaded.ok) return "unavailable";
  const known = loaded.value === null ? null : derive(loaded.value);
  remember(id, known, nowMs);
  if (known === null) return "unknown";
  await cacheKey(env.kv, known.key).catch(() => undefined);
  return known;
}

function derive(key: KeySnapshot): KnownKey {
  return {
    key,
    hash: Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(key.secret_hash.slice(2 * i, 2 * i + 2), 16)),
    expiresAtMs: key.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at),
    rules: compileRules(key.rules),
    roleIsRisky: key.options.role_is_risky === true,
    cache: cachePolicyOf(key),
    confirmedFor: 0,
  };
}

function cachePolicyOf({ options, cache_marks: marks }: KeySnapshot): CachePolicy {
  const days = typeof options.cache_days === "number" ? options.cache_days : CACHE_DAYS_DEFAULT;
  const whole = marks.filter(({ kind }) => kind === "all").map(({ at }) => Date.parse(at));
  const domains = marks.filter(({ kind }) => kind === "domain");
  return {
    days,
    clearedAt: Math.max(0, ...whole),
    domainsClearedAt: new Map(domains.map(({ value, at }) => [value, Date.parse(at)])),
  };
}
