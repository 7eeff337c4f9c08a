/** Bounds of tenant rules: a check must stay cheap whatever a customer writes. */
export const RULE_LIMITS = {
  /** Characters of one pattern. */
  PATTERN_CHARACTERS: 200,
  /** Instructions of one compiled pattern; repetitions are written out. Time per address is at most this times 254. */
  PATTERN_INSTRUCTIONS: 500,
  /** Nested groups: the reader is recursive. */
  PATTERN_DEPTH: 20,
  /** Instructions of all patterns of a tenant: at most 2.5 million steps for the longest address. */
  TENANT_INSTRUCTIONS: 10_000,
  /** Rules of one tenant. Addresses and domains cost memory only. */
  TENANT_RULES: 10_000,
} as const;
