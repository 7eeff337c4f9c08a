import type { RateLimits } from "./machine.ts";

/** Calls that each tier may make (requirements A3 and A4); null has no limit. */
const PLANS: Readonly<Record<string, RateLimits>> = {
  free: { minute: 60, hour: 1_000, day: 100 },
  starter: { minute: 60, hour: 1_000, day: 1_000 },
  pro: { minute: 60, hour: 1_000, day: 10_000 },
  enterprise: { minute: null, hour: null, day: null },
};
const STRICTEST: RateLimits = { minute: 60, hour: 1_000, day: 100 };

/** Limits of a plan by name; those of the free one for a name that is not known. */
export const limitsOf = (plan: string): RateLimits => PLANS[plan] ?? STRICTEST;

/** Jobs that work at once in each tier (requirements A4 and J5); more of them wait. */
export const JOBS_AT_ONCE: Readonly<Record<string, number>> = { free: 1, starter: 3, pro: 10, enterprise: 50 };
