/** Every bound of the prober in one place: a name with its unit, and the reason for the number. */

/** One DNS query to one server. Resolvers answer within a second; later means lost. */
export const DNS_TRY_TIMEOUT_MS = 2_000;
/** Times each server is asked before the look-up counts as timed out. */
export const DNS_ROUNDS = 2;
/** Queries on the wire at once: a burst of more than about 260 answers overflows a default UDP receive buffer. */
export const DNS_QUERIES_MAX = 128;
/** Asked of the kernel for the UDP socket, so that the burst above fits twice over. */
export const DNS_RECEIVE_BUFFER_BYTES = 1 << 20;
/** Largest UDP answer announced (DNS flag day 2020): stays below the path MTU, larger answers come by TCP. */
export const DNS_UDP_PAYLOAD_BYTES = 1_232;
/** Cached answers; about 300 bytes each. */
export const DNS_CACHE_MAX_ENTRIES = 50_000;
/** Bounds on what a record's TTL may ask for. */
export const DNS_TTL_MIN_MS = 30_000;
export const DNS_TTL_MAX_MS = 86_400_000;
/** An opt-out is heard within an hour (MAIL.md 7, E2). */
export const DNS_TEXT_TTL_MAX_MS = 3_600_000;
/** Negative answers (RFC 2308 5 advises at most three hours). */
export const DNS_NEGATIVE_TTL_MAX_MS = 3_600_000;
/** Failures are remembered briefly (RFC 2308 7.1 allows five minutes), so that a list does not ask a dead zone over and over. */
export const DNS_FAILURE_TTL_MS = 15_000;
/** CNAME hops followed before the chain counts as broken. */
export const CNAME_HOPS_MAX = 8;
/** MX hosts of one domain that are tried, and addresses of one host. */
export const MX_HOSTS_MAX = 5;
export const HOST_ADDRESSES_MAX = 3;

/** Longest reply line taken. RFC 5321 4.5.3.1.5 says 512 bytes; some servers write more. */
export const REPLY_LINE_MAX_CHARS = 2_048;
/** Lines of one reply, and its length over all lines. An EHLO reply has about 15 lines. */
export const REPLY_LINES_MAX = 128;
export const REPLY_MAX_CHARS = 16_384;
/** Path in a RCPT command: 254 octets of address leave room for nothing longer (RFC 5321 4.5.3.1.3). */
export const PATH_MAX_CHARS = 320;

/** Recipients of one transaction and flight: RFC 5321 4.5.3.1.8 lets servers refuse more. */
export const FLIGHT_RECIPIENTS = 100;
/** Flights on the wire per connection; the second hides the round trip of the first. */
export const FLIGHTS_IN_FLIGHT = 2;
/** Flights of a few recipients each may be more, as long as their recipients are fewer than one full flight. */
export const SMALL_FLIGHTS_IN_FLIGHT = 16;
/** RSET commands per connection where the server is Exim (smtp_accept_max_nonmail), and elsewhere. */
export const EXIM_RESETS_MAX = 9;
export const RESETS_MAX = 1_000;

/** A transcript on request: characters of a connection's greeting and of one line, and lines in all. */
export const GREETING_MAX_CHARS = 4_096;
export const TRANSCRIPT_LINE_MAX_CHARS = 500;
export const TRANSCRIPT_MAX_LINES = 200;

/** Idle pooled connections per source address, and how long one is kept (R: pool). */
export const POOL_IDLE_CONNECTIONS_MAX = 10;
export const POOL_IDLE_MS = 60_000;
/** Hosts whose limits and habits are remembered while they have no connection. */
export const HOSTS_REMEMBERED_MAX = 5_000;
/** Sockets open at once over the whole probe: far below the file descriptors of an ordinary service. */
export const CONNECTIONS_MAX = 1_000;
/** Time for QUIT to be answered before the socket is closed without it. */
export const QUIT_TIMEOUT_MS = 500;

/** Catch-all answers, refusal templates and acceptances are facts of a day. */
export const HOST_FACT_TTL_MS = 86_400_000;
export const HOST_FACTS_MAX_ENTRIES = 50_000;
/** A control answer is kept for as long as another day's control address can agree with it. */
export const CONTROL_KEPT_MS = 2 * HOST_FACT_TTL_MS;
/** An operator that gave no answer about a mailbox of ours is asked about it again after this. */
export const LIVE_UNANSWERED_MS = 3_600_000;
/** Refusals by a host in an hour after which its control is repeated: Cisco accepts all beyond a threshold. */
export const REFUSALS_BEFORE_CONTROL = 10;
/** Operators and hosts with pace and breaker state of their own. */
export const PACE_MAX_ENTRIES = 20_000;

/**
 * A reply to RCPT that takes this long, from a host that was quick until then, is a tarpit. Courier holds the first
 * stranger of a session back 8 s and each further one twice as long: one at a time, and none behind it.
 */
export const TARPIT_MS = 3_000;
export const TARPIT_FLIGHT_RECIPIENTS = 1;
/** Recipients of a transaction at a host that left a pipelined one without a reply: Sendmail sleeps for each of them. */
export const HELD_FLIGHT_RECIPIENTS = 2;
/** Questions beyond the number of refusals at which a connection was cut off, by which the next one tests that number. */
export const SUSPICION_MARGIN = 1;
/** What a host has taught us is forgotten after this: limits are lifted, faults are mended. */
export const LEARNT_TTL_MS = 3_600_000;
/** Pause before a host that has served us is asked again after it refused one connection more. */
export const HOST_REST_MS = 1_000;
/** Share of the connect timeout that one address of a host gets while others are untried: 5 s when polite (RFC 8305 waits far less). */
export const CONNECT_TRY_SHARE = 1 / 3;

/** Longest wait for a host's pace inside a visit; a longer pause sends the work back to wait elsewhere. */
export const PACE_PATIENCE_MS = 60_000;
/** Circuit breaker: connections needed to judge, and the pause once half of them failed (R: O3). */
export const BREAKER_SAMPLE_MIN = 10;
export const BREAKER_PAUSE_MS = 300_000;
/** A cool-down quadruples with each complaint up to this (MAIL.md 5). */
export const COOL_DOWN_MAX_MS = 86_400_000;
/** Pause when most of a host's recipients turn out unknown (MAIL.md 5). */
export const UNKNOWN_PAUSE_MS = 3_600_000;
/** Refusals on one connection before a new one is made: Postfix slows down at ten errors and closes at twenty. */
export const REFUSALS_PER_CONNECTION = 18;
/** Operators that list a source address before it is taken out of use (MAIL.md 7, E6). */
export const SOURCE_BLOCKS_MAX = 3;
/** Addresses and domains whose visits of the day are counted. */
export const VISITS_MAX_ENTRIES = 100_000;

/** Hosts that must all have swallowed our connections, without one success, before port 25 counts as blocked. */
export const PORT_WATCH_HOSTS = 20;
/** Longest wait for an opt-out record that no server wants to talk about. */
export const OPT_OUT_WAIT_MS = 2_000;

/** Caps across all tenants (MAIL.md 7, E3), per day and per hour. */
export const DOMAIN_VISITS_PER_DAY = 2_000;
export const HOST_UNKNOWN_PER_HOUR = 60;
export const ADDRESS_VISITS_PER_DAY = 3;

/** Deferred items: a retry sooner than this is no retry, later than this is no use. */
export const RETRY_MIN_MS = 1_000;

/** Lines that the command line checks as one batch, and batches at once: bounds memory, keeps connections full. */
export const CLI_BATCH_LINES = 1_000;
export const CLI_BATCHES_IN_FLIGHT = 4;
/** Longest line read; a longer one is an error, not an address. */
export const CLI_LINE_MAX_CHARS = 64_000;
