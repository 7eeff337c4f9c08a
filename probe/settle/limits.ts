/** Bounds of settling: a name with its unit, and the reason for the number. */

/** Connections to Postgres: where settle stopped getting faster on one machine. */
export const SETTLE_CONNECTIONS = 8;
/** A chunk at work for this long settles what it has, and again each time: a crash loses at most this much. */
export const PART_INTERVAL_MS = 20_000;
/** A chunk that takes longer is given back, settled as far as it came; the hub would give up on it at twice this. */
export const CHUNK_BUDGET_MS = 900_000;
/** Pause after Postgres did not answer, doubling from the first to the last. */
export const RETRY_MIN_MS = 200;
export const RETRY_MAX_MS = 10_000;
/** Clocks of probe and database may differ by this much before an item counts as not yet due. */
export const CLOCK_TOLERANCE_MS = 5_000;
/** A statement that takes longer is broken off and tried again. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** Troubled domains of this long are asked about in one statement; a check waits no longer for the answer than this. */
export const VISIT_BATCH_MS = 10;
export const VISIT_WAIT_MS = 2_000;
/** Domains that answered are noted this often, and no more of them are kept; nothing is lost but a chance to forget. */
export const REACHED_FLUSH_MS = 5_000;
export const REACHED_MAX = 20_000;
