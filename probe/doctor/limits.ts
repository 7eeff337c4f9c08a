/** Bounds of the doctor: a name with its unit, and the reason for the number. */

/** Longest a single check may take; a dead mail host alone takes this long to time out. */
export const CHECK_TIMEOUT_MS = 20_000;
/** To connect to a mail host, and for each of its replies where the check sets no stricter bound. */
export const SMTP_CONNECT_TIMEOUT_MS = 8_000;
export const SMTP_REPLY_TIMEOUT_MS = 10_000;
/** Our own MX must answer RCPT this quickly: hosts that call back judge us by it (MAIL.md 4). */
export const SENDER_REPLY_MAX_MS = 5_000;
export const EDGE_TIMEOUT_MS = 8_000;
export const DATABASE_TIMEOUT_MS = 5_000;
/** Deadlines travel as epoch milliseconds: a skew of seconds eats the caller's patience, more makes every lease late. */
export const CLOCK_WARN_MS = 2_000;
export const CLOCK_FAIL_MS = 10_000;
/** Sockets, log, database and HTTP beside the SMTP connections. */
export const FILES_BESIDE_CONNECTIONS = 256;
/** A probe under full load stays below the first; the second leaves room for bursts. */
export const MEMORY_FAIL_BYTES = 192 * 2 ** 20;
export const MEMORY_WARN_BYTES = 448 * 2 ** 20;
/** RFC 7208 4.6.4: terms that cost a look-up, look-ups without an answer, names behind one `mx`. */
export const SPF_LOOKUPS_MAX = 10;
export const SPF_VOID_LOOKUPS_MAX = 2;
export const SPF_MX_NAMES_MAX = 10;
/** The daily examination; a reputation changes in days, a mended fault is seen with `doctor` at once. */
export const DOCTOR_INTERVAL_MS = 86_400_000;
/** Whole fleets restart together: each probe adds up to this much, so that lists and mail hosts do not see them at once. */
export const DOCTOR_JITTER_MS = 3_600_000;
/** Longest text of one finding in the hub's view, in characters. */
export const FOUND_MAX_CHARS = 300;
