/** Bounds of the API client: a name with its unit, and the reason for the number. */

/** Times a call is made in all when the service is away or asks to wait. */
export const TRIES = 5;
/** Pause before the second try; it doubles from then on. */
export const PAUSE_FIRST_MS = 500;
/** Longest pause between two tries that the service did not ask for. */
export const PAUSE_MAX_MS = 30_000;
/** Longest Retry-After that is waited for; a longer one (a monthly quota) is the caller's to know. */
export const RETRY_AFTER_MAX_MS = 120_000;
/** Time for a call without a file to begin its answer. */
export const ANSWER_MAX_MS = 60_000;
/** A stream without a byte for this long is dead: the service sends something every two seconds. */
export const STREAM_SILENCE_MAX_MS = 30_000;
/** Streams in a row that bring nothing, after which progress is polled: a proxy holds streams back. */
export const EMPTY_STREAMS_MAX = 2;
/** Between two polls; the service's own streams look every two seconds. */
export const POLL_EVERY_MS = 2_000;
/** How long a job is followed through an outage. */
export const OUTAGE_MAX_MS = 900_000;
/** Longest event taken; a job with its summary is a few kilobytes. */
export const EVENT_MAX_CHARS = 1_000_000;
/** Longest error document read. */
export const PROBLEM_MAX_CHARS = 64_000;
/** Parts of a large list on their way at once: hides the round trips, leaves the line to others. */
export const PARTS_IN_FLIGHT = 3;
/** Room in a form for what is not the file. */
export const FORM_OVERHEAD_BYTES = 16_384;
