/** Bounds of what is remembered of the paces: each with its unit, and the reason for the number. */

/** What one operator said of a source address counts this long towards a quarantine: later it may be over. */
export const LISTING_KEPT_MS = 7 * 86_400_000;

/** A change is written down within this time: what a crash forgets is half a minute's work. */
export const MEMORY_INTERVAL_MS = 30_000;
/** Entries written down, the youngest of each kind: a file of some 2 MB, made in some 50 ms. */
export const MEMORY_PACES_MAX = 5_000;
export const MEMORY_VISITS_MAX = 20_000;
/** A file that is larger was not written here. */
export const MEMORY_MAX_BYTES = 8_000_000;
/** Drafts of writers that died are swept away at this age; a living one needs milliseconds. */
export const DRAFT_MAX_AGE_MS = 60_000;
/** Characters of a hash that stands for a name: 72 bits, so that even 100,000 names hardly ever share one. */
export const NAME_HASH_CHARS = 12;

/** A quarantine is asked for, or its release looked for, within this time or at the next occasion. */
export const EDGE_TIMEOUT_MS = 5_000;
