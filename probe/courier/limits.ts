/** Every bound of the courier, with unit and reason. */

/** Deliveries to one endpoint at once: quick receivers stay busy, a slow one cannot be drowned by us. */
export const ENDPOINT_CAP = 16;
/** Deliveries of one courier at once: the sockets it may hold. Many stalled endpoints fit beside the healthy ones. */
export const IN_FLIGHT_MAX = 1_024;
/** Outcomes not yet written; beyond it nothing new is claimed. Bounds memory while Postgres is away. */
export const UNRECORDED_MAX = 5_000;
/** Outcomes written by one statement. */
export const RECORD_BATCH = 500;

/** Opened secrets kept in memory, by their sealed text. */
export const OPENED_SECRETS_MAX = 10_000;
/** Endpoints whose pace is held back at the same time; the longest untouched is forgotten first. */
export const HELD_BACK_MAX = 2_000;

/** Bytes of a response kept for its owner to read. */
export const RESPONSE_KEPT_BYTES = 2_048;
/** Bytes of response headers read before the connection is dropped. */
export const RESPONSE_HEADER_MAX_BYTES = 16_384;

/** Slow failures in a row after which an endpoint is left alone for a while. */
export const BREAKER_AFTER = 5;
/** How long it is left alone, first and at most; doubles between. */
export const BREAKER_FIRST_MS = 5_000;
export const BREAKER_MAX_MS = 300_000;

/** A Retry-After beyond this is cut: a receiver cannot park a delivery for a month. */
export const RETRY_AFTER_MAX_MS = 86_400_000;
/** Each delay is stretched or shortened by up to this share, so that an outage's retries spread out. */
export const RETRY_JITTER = 0.2;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Times the courier lives by, in milliseconds; tests shorten them. */
export type CourierTiming = {
  /** From the first look-up to the end of the response. */
  readonly totalMs: number;
  /** Name resolution, TCP and TLS. */
  readonly connectMs: number;
  /** A response body is read no longer than this: the status has already decided. */
  readonly bodyMs: number;
  /** How long a claimed delivery is hidden from other couriers. Well beyond totalMs and a slow write. */
  readonly leaseMs: number;
  /** Between claims: this while there is work, doubling to pollMaxMs while there is none. */
  readonly pollMs: number;
  readonly pollMaxMs: number;
  /** Between tries while Postgres is away, at most. */
  readonly databaseRetryMaxMs: number;
  /** Outcomes are gathered this long before they are written. */
  readonly gatherMs: number;
  /** What is in flight may finish for this long when the courier stops. */
  readonly stopMs: number;
  /** Delay before the second attempt, the third, and so on. After the last one a delivery is dead. */
  readonly retryDelaysMs: readonly number[];
};

/** About 3 days and 11 hours, 12 attempts: a receiver that is down for a weekend misses nothing. */
export const TIMING: CourierTiming = {
  totalMs: 15 * SECOND,
  connectMs: 5 * SECOND,
  bodyMs: 2 * SECOND,
  leaseMs: MINUTE,
  pollMs: 250,
  pollMaxMs: SECOND,
  databaseRetryMaxMs: 5 * SECOND,
  gatherMs: 20,
  stopMs: 10 * SECOND,
  retryDelaysMs: [
    5 * SECOND,
    30 * SECOND,
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    24 * HOUR,
    36 * HOUR,
  ],
};
