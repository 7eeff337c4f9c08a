/**
 * What a webhook looks like on the wire: Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks).
 * A POST with the body {"type", "timestamp" (ISO 8601, UTC), "data"}, three headers that identify, date and sign it,
 * and a traceparent.
 */

/** Every event type there is; an endpoint names those it wants. */
export const EVENT_TYPES = ["job.completed", "job.cancelled", "job.failed", "verification.completed"] as const;

/** Event id: the same in every attempt at every endpoint, so that a receiver can drop repeats. */
export const ID_HEADER = "webhook-id";
/** Seconds since 1970 at the time of this attempt; receivers refuse what is minutes away from now. */
export const TIMESTAMP_HEADER = "webhook-timestamp";
/** `v1,<base64 HMAC-SHA-256 of "id.timestamp.body">`, once per active secret, separated by spaces. */
export const SIGNATURE_HEADER = "webhook-signature";

/** A secret is shown to its owner as this prefix and the base64 of its key bytes. */
export const SECRET_PREFIX = "whsec_";
