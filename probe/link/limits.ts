/** Bounds of the link to the hub: a name with its unit, and the reason for the number. */

/** Reconnecting: full jitter between the smallest pause and a ceiling that doubles, so that a fleet does not come back at once. */
export const RECONNECT_MIN_MS = 100;
export const RECONNECT_BASE_MS = 500;
export const RECONNECT_MAX_MS = 30_000;
/** From the first byte sent to the hub's welcome. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Dones in one frame; the wire allows a thousand. */
export const DONES_PER_FRAME = 500;
/** On the way out, work in hand may finish by itself for this long; then what is known is settled and the rest handed back. */
export const DRAIN_FINISH_MS = 5_000;
/** Longest way out. systemd gives 90 s before it kills. */
export const DRAIN_MAX_MS = 40_000;
/** Answers kept after they were sent, because the caller may have left while they travelled: number and age. */
export const ANSWERS_KEPT_MAX = 512;
export const ANSWERS_KEPT_MS = 60_000;
/** A check whose caller neither took the answer nor left for a 202 is dropped this long after its deadline. */
export const TASK_ABANDONED_MS = 10_000;
