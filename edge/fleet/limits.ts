/** Bounds of the operators' side of the fleet. */

/** Probes of one list: with their reports about 2 KB each. */
export const PROBES_LISTED_MAX = 5_000;
/** Hubs asked at once for a view: each is one call to an object that may have to wake. */
export const HUBS_AT_ONCE = 32;
/** A hub that does not answer in this time is listed as silent, so that one stuck object does not hide the others. */
export const HUB_VIEW_TIMEOUT_MS = 3_000;
/** Why an operator did something: read by people in a list. */
export const REASON_MAX_CHARS = 300;
