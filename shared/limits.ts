/**
 * Every bound of the product in one place: a name with its unit, and the reason for the number.
 * Receiver-side limits are checked where bytes enter; nothing behind them has to check again.
 */

/** Longest address text taken in, in UTF-16 units. Longer input is a syntax error without being read further. */
export const ADDRESS_INPUT_MAX_CHARS = 2_000;

/** A JSON request body that is not an upload. Answers 413 beyond. */
export const JSON_BODY_MAX_BYTES = 1_000_000;

/** Direct upload (R: J1); larger lists go through multipart upload to object storage. */
export const UPLOAD_MAX_BYTES = 10_000_000;
/** An upload in parts: what a list of five million rows with many columns may have. */
export const LARGE_UPLOAD_MAX_BYTES = 2_000_000_000;

/** Addresses in one `POST /v1/jobs` JSON list. */
export const JSON_LIST_MAX_ITEMS = 100_000;

/** Addresses in one `POST /v1/verify/batch`: what one answer can wait for. */
export const VERIFY_BATCH_MAX_ITEMS = 100;

/** Caller's timeout of a real-time check. */
export const VERIFY_TIMEOUT_DEFAULT_MS = 8_000;
export const VERIFY_TIMEOUT_MAX_MS = 30_000;

/**
 * A chunk is the unit of cost in the hub: one lease, one row, one settle. Addresses that parse have at most 254 octets,
 * so 200 of them stay below 64 KB, far from the 2 MB of a row in a Durable Object's SQLite.
 */
export const CHUNK_TARGET_ITEMS = 200;
export const CHUNK_MAX_ITEMS = 500;

/** Rows staged by one statement over HTTP: the fastest batch measured, and about 1 MB. */
export const STAGE_BATCH_ROWS = 5_000;
/** Staging batches in flight: a Worker may hold six connections, two stay free for reads. */
export const STAGE_BATCHES_IN_FLIGHT = 4;
/** Rows ingested before a continuation message takes over: well inside the CPU limit of a queue consumer. */
export const INGEST_ROWS_PER_MESSAGE = 250_000;

/** Addresses a probe may hold in bulk: a larger window is what real-time checks would wait behind. */
export const BULK_WINDOW_ADDRESSES = 2_000;
/** Real-time checks a probe runs at once by default, in slots of their own. */
export const REAL_TIME_SLOTS = 64;

/** One wire frame, received. A chunk with long addresses is about 80 KB; this leaves room and stops floods. */
export const FRAME_MAX_BYTES = 1_000_000;
/** Frames a probe may send per heartbeat interval before the hub closes it as broken. */
export const FRAMES_PER_BEAT_MAX = 20_000;
/** Heartbeat of a probe, and the silence after which its leases return. */
export const BEAT_INTERVAL_MS = 10_000;
export const LEASE_GRACE_MS = 30_000;
/**
 * A planned chunk that has been out this long and that its hub no longer knows is planned again: longer than the reply
 * of a refill or the hand-over of a late check may travel, short for whoever was promised an answer.
 */
export const CHUNK_OUT_MAX_MS = 60_000;

/** Addresses a hub holds from Postgres before it stops refilling, and the mark below which it starts. */
export const HUB_HELD_MAX_ADDRESSES = 40_000;
export const HUB_LOW_WATER_ADDRESSES = 10_000;

/** Text of one server reply kept as evidence, in characters. */
export const REPLY_TEXT_MAX_CHARS = 512;

/** Verdict rows per export page: the fastest keyset page measured, and a few MB at most. */
export const EXPORT_PAGE_ROWS = 5_000;
