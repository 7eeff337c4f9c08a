import type { Env } from "../env.ts";
import { randomHex } from "../ids.ts";
import { CLOCK_SKEW_MS, METER_TENANTS_MAX } from "../limits.ts";
import { log } from "../log.ts";
import type { Lease, LeaseRequest, RateLimits, WindowName } from "./machine.ts";

/** Numbers of the tightest window after a call: what is left of `limit` calls until `resetAt` (epoch ms). */
export type RateNumbers = {
  readonly window: WindowName;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAt: number;
};

/** A call that may go on. `rate` is null without a limit, or while the Meter cannot be asked. */
export type Grant = {
  readonly rate: RateNumbers | null;
  /** Keys, rules or plan changed at this time (epoch ms): a snapshot loaded before it is out of date. */
  readonly changedAt: number;
};

/** Limits and credits of tenants. It grants and records; tiers refuse nothing yet. */
export type Meter = {
  /**
   * Grants a call, or several that came as one. Answers from the isolate's lease, and asks the tenant's object only when
   * that is spent; what a batch takes beyond a lease is counted with the next.
   */
  grant(tenantId: string, limits: RateLimits, nowMs: number, calls?: number): Grant | Promise<Grant>;
  /** When keys, rules or plan of a tenant last changed (epoch ms), as far as a lease's age. Counts nothing. */
  changedAt(tenantId: string, nowMs: number): Promise<number>;
  /** Announces that keys, rules or plan of a tenant changed; drops this isolate's own lease at once. */
  change(tenantId: string): Promise<void>;
};

type Held = { readonly lease: Lease; readonly leasedAt: number; left: number };

/** The real Meter: a Durable Object per tenant behind leases held in this isolate. */
export function createMeter(env: Env): Meter {
  const isolate = randomHex().slice(0, 12);
  const held = new Map<string, Held>();
  return {
    grant(tenantId, limits, nowMs, calls = 1) {
      const current = held.get(tenantId);
      if (current !== undefined && current.left > 0 && current.lease.expiresAt > nowMs) return spend(current, calls);
      return renew(
        env,
        held,
        tenantId,
        { isolate, limits, unspent: current?.left ?? 0, leasedAt: current?.leasedAt ?? 0 },
        nowMs,
        calls,
      );
    },
    async changedAt(tenantId, nowMs) {
      const current = held.get(tenantId);
      if (current !== undefined && current.lease.expiresAt > nowMs) return current.lease.changedAt;
      return objectOf(env, tenantId)
        .changedAt()
        .catch(() => nowMs - CLOCK_SKEW_MS);
    },
    async change(tenantId) {
      const current = held.get(tenantId);
      // Over, but remembered: its unspent tokens go back with the next lease.
      if (current !== undefined) held.set(tenantId, { ...current, lease: { ...current.lease, expiresAt: 0 } });
      await objectOf(env, tenantId).change();
    },
  };
}

function spend(held: Held, calls: number): Grant {
  held.left -= calls;
  const { window, limit, spent, tokens, resetAt, changedAt } = held.lease;
  if (limit === null) return { rate: null, changedAt };
  const remaining = Math.max(0, limit - spent - (tokens - held.left));
  return { rate: { window, limit, remaining, resetAt }, changedAt };
}

async function renew(
  env: Env,
  held: Map<string, Held>,
  tenantId: string,
  request: LeaseRequest,
  nowMs: number,
  calls: number,
): Promise<Grant> {
  // Unspent tokens go back once, whatever comes of the call.
  held.delete(tenantId);
  try {
    const lease = await objectOf(env, tenantId).lease(request);
    const fresh = { lease, leasedAt: nowMs, left: lease.tokens };
    forgetOldest(held);
    held.set(tenantId, fresh);
    return spend(fresh, calls);
  } catch (error) {
    log.warn({ tenant: tenantId, err: String(error) }, "meter not reached, call granted");
    // Without word of changes, only what was loaded within the skew counts as current.
    return { rate: null, changedAt: nowMs - CLOCK_SKEW_MS };
  }
}

function forgetOldest(held: Map<string, Held>): void {
  if (held.size < METER_TENANTS_MAX) return;
  const oldest = held.keys().next().value;
  if (oldest !== undefined) held.delete(oldest);
}

/** What the tenant's object answers to; the stub's own type does not survive the untyped binding. */
type MeterRpc = { lease(request: LeaseRequest): Promise<Lease>; change(): Promise<void>; changedAt(): Promise<number> };

const objectOf = (env: Env, tenantId: string): MeterRpc =>
  env.meters.get(env.meters.idFromName(tenantId)) as unknown as MeterRpc;
