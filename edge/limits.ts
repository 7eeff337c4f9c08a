/** Bounds of the Worker alone; those it shares with the fleet are in shared/limits.ts. */

/** A key in isolate memory. The Meter's lease tells of changes sooner (see meter/), so this only bounds staleness. */
export const KEY_MEMORY_MS = 30_000;
/** Unknown keys in isolate memory: long enough to stop a flood of look-ups, short enough for a key just made. */
export const UNKNOWN_KEY_MEMORY_MS = 5_000;
/** Keys an isolate remembers, about 1 KB each; the oldest leave first. */
export const KEY_MEMORY_MAX = 5_000;
/** A key's snapshot in KV. After that Postgres is asked again, whatever the Meter said. */
export const KEY_KV_TTL_S = 3_600;
/** Smallest cacheTtl that KV takes. */
export const KV_CACHE_TTL_S = 30;

/** A region without probes, or with a queue, is passed over this long before it is asked again. */
export const NO_PROBE_MEMORY_MS = 10_000;
/** Time that must be left for another region to be asked for a second opinion: a dialogue takes about this. */
export const SECOND_OPINION_MIN_MS = 1_000;
/** What a check waits for leave to do so, which comes from Postgres. */
export const OPINION_CLAIM_TIMEOUT_MS = 1_000;
/** Domains an isolate knows to have had their second opinion today. */
export const OPINION_MEMORY_MAX = 10_000;

/** Chunks that one sweep moves from one hub to another: 100,000 addresses a minute, a statement of a second. */
export const MOVE_CHUNKS_MAX = 500;
/** A backlog below this is left where it is: its own region is done with it in minutes. */
export const MOVE_BACKLOG_MIN_CHUNKS = 100;
/** A backlog is moved from when it is this many times as long, by its probes' room, as the one it would go to. */
export const MOVE_BACKLOG_RATIO = 4;
/** Due chunks counted per hub; beyond, a backlog is simply long. */
export const MOVE_COUNT_MAX = 20_000;
/** Deferred items wait this long past their time for the source address that their host knows. */
export const MOVE_STICKY_MS = 600_000;

/** Answers kept together on their way to the queue, and how long the first of them waits for others. */
export const RECORDS_PER_MESSAGE = 64;
export const RECORDS_WAIT_MS = 25;
/** A queue message may have 128 KB; evidence texts are bounded, so this holds about 64 records. */
export const RECORDS_MESSAGE_MAX_BYTES = 110_000;

/** A lease of rate tokens dies after this; a revoked key or a changed rule is therefore known everywhere by then. */
export const METER_LEASE_MS = 10_000;
/** Isolates that asked for a lease this recently share what is left of a window. */
export const METER_ISOLATE_SEEN_MS = 30_000;
/** Isolates told apart per tenant; more than these count as the oldest one. */
export const METER_ISOLATES_MAX = 256;
/** Tokens of one lease beyond the limit, which is recorded and not refused: one Meter call per so many requests. */
export const METER_OVERDRAFT_TOKENS = 500;
/** Tenants whose lease an isolate holds. */
export const METER_TENANTS_MAX = 2_000;
/** Two clocks of ours may differ by this much. */
export const CLOCK_SKEW_MS = 2_000;

/** What a health check waits for one dependency. */
export const HEALTH_TIMEOUT_MS = 2_000;

/** Rules of one tenant: they travel in the key's snapshot, and all patterns run on each address. */
export const RULES_MAX = 500;
/** Webhook endpoints of one tenant. */
export const ENDPOINTS_MAX = 50;

/** One part of an upload to R2; all but the last must have the same size, at least 5 MiB. */
export const UPLOAD_PART_BYTES = 5_242_880;
/** One part of a resumable upload, all of it in memory while it is stored; R2 takes at least 5 MiB. */
export const RESUMABLE_PART_BYTES = 8_388_608;
/** An upload that no job was made of is forgotten after this. */
export const UPLOAD_TTL_S = 86_400;
/** A form field beside the file. */
export const FORM_FIELD_MAX_BYTES = 4_096;
/** A body that is refused is read on and forgotten within these bounds, so that its sender gets to read the answer. */
export const DISCARD_MAX_BYTES = 500_000_000;
export const DISCARD_MAX_MS = 15_000;
/** Headers of one part of a form. */
export const FORM_HEADER_MAX_BYTES = 8_192;
/** Fields of one upload form. */
export const FORM_FIELDS_MAX = 20;

/** Domains with at least this many addresses get chunks of their own; smaller ones travel packed. */
export const OWN_CHUNK_MIN_ITEMS = 40;
/** Jobs without news for this long are looked at by the sweep. */
export const JOB_IDLE_MS = 60_000;
/** Chunks and jobs that one sweep looks at. */
export const SWEEP_MAX = 500;

/** Domains that a job's summary names. */
export const SUMMARY_DOMAINS = 20;

/** Pause between progress events: short at first, because small lists are done in no time, doubling up to the last. */
export const PROGRESS_FIRST_MS = 50;
export const PROGRESS_EVERY_MS = 2_000;

/** Speed of a job is that of this long, once at least so many chunks ended in it; fewer would make it jump. */
export const RATE_WINDOW_S = 60;
export const RATE_CHUNKS_MIN = 5;

/** Tags of one job, and the length of one. */
export const JOB_TAGS_MAX = 20;
export const JOB_TAG_MAX_CHARS = 64;

/** An answer is kept under its Idempotency-Key for a day. */
export const IDEMPOTENCY_TTL_MS = 86_400_000;
/** A call with a key that did not answer within this is taken over by the next with the same key: twice the longest. */
export const IDEMPOTENCY_LOCK_MS = 60_000;
/** Keys forgotten by one sweep. */
export const IDEMPOTENCY_PURGE_MAX = 50_000;

/** Longest that a tenant may let answers hold; marks of what was invalidated are looked at for as long. */
export const CACHE_DAYS_MAX = 30;

/** Points of a domain's trend, and how far back it looks unless told otherwise. */
export const TREND_POINTS_MAX = 500;
export const TREND_DAYS_DEFAULT = 365;
/** Jobs in one export. */
export const BULK_EXPORT_JOBS_MAX = 200;

/** Rows that one call may select to be verified again: they travel in the job's row. */
export const REVERIFY_ITEMS_MAX = 10_000;
