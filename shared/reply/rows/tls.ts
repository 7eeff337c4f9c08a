import type { ReplyRow } from "../types.ts";

/** The server wants an encrypted session, or cannot give one. */
export const TLS_ROWS: readonly ReplyRow[] = [
  {
    rule: "tls-required",
    class: "protocol",
    reason: "tls_required",
    text: [
      "must issue a starttls",
      "must issue starttls",
      "starttls first",
      "starttls command first",
      "starttls is required",
      "starttls required",
      "tls required",
      "tls is required",
      "requires tls",
      "require tls",
      "requires encryption",
      "encryption required",
      "encryption is required",
      "encryption needed",
      "use starttls",
      "must use tls",
      "senders to use tls",
      "session encryption is required",
      "requires high-strength ciphers",
      "verschlusselung erforderlich",
    ],
    examples: [
      "530 5.7.0 Must issue a STARTTLS command first",
      "550 5.7.10 Encryption needed",
      "421 4.7.0 TLS required for RCPT domain, closing connection",
      "553 This route requires encryption (TLS)",
    ],
  },
  {
    rule: "tls-required-status",
    class: "protocol",
    reason: "tls_required",
    enhanced: ["7.10", "7.11"],
    examples: ["523 5.7.10 try again over a secure channel"],
  },
  {
    // RFC 3207 4: "454 TLS not available due to temporary reason": go on in clear on a new connection.
    rule: "tls-unavailable",
    class: "temporary",
    reason: "temporary_error",
    retry: "reconnect",
    text: [
      "tls not available",
      "tls currently unavailable",
      "tls is not available",
      "tls handshake",
      "ssl_accept",
      "tls session",
    ],
    examples: ["454 4.7.0 TLS not available due to local problem", "454 TLS currently unavailable"],
  },
];
