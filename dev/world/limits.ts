/** Bounds of the mail world: it runs beside what it tests and must stay small. */

/** Longest command line taken, in bytes: twice what RFC 5321 4.5.3.1.4 asks for, with room for SMTPUTF8. */
export const LINE_MAX_BYTES = 4_096;

/** Connections to one simulated host; beyond them the operating system's queue holds clients back. */
export const HOST_CONNECTIONS_MAX = 8_192;

/** A session without a byte for this long is closed: long enough for a tester to hold one open. */
export const SESSION_IDLE_MS = 300_000;

/** Greylist triplets remembered; the oldest are forgotten first. */
export const GREYLIST_MAX_ENTRIES = 200_000;

/** Numbered domains kept resolved; they are cheap to make again. */
export const DOMAIN_CACHE_MAX_ENTRIES = 20_000;

/** Errors before Postfix slows a client down and the pause it then makes (smtpd_soft_error_limit, smtpd_error_sleep_time). */
export const ERROR_PAUSE_MS = 1_000;

/** Time to live of every record, in seconds: long enough to make caching visible in the counts. */
export const RECORD_TTL_S = 300;

/** Largest UDP answer without EDNS (RFC 1035 4.2.1). */
export const UDP_ANSWER_MAX_BYTES = 512;

/** Body of a request to the control port, in bytes. */
export const CONTROL_BODY_MAX_BYTES = 65_536;
