import type { ReplyRow } from "../types.ts";

/** What is left when no words spoke: enhanced codes (RFC 3463), then plain codes (RFC 5321 4.2.2). Last of all. */
export const STATUS_ROWS: readonly ReplyRow[] = [
  {
    rule: "bad-mailbox-status",
    class: "recipient",
    reason: "mailbox_not_found",
    digit: 5,
    enhanced: ["1.1", "1.3-4", "1.10"],
    // The only words left, and about somebody or something else than the recipient.
    not: [" spam", "^spam", "sender", "client", "misconfigur", "temporar", "dns", "blocked by", "ip blocked"],
    examples: ["550 5.1.1 Rejected", "550 5.1.1 <user@aol.com>: Recipient address rejected: aol.com"],
  },
  {
    // x.1.0 says that it is about an address; words about ours have had their say by now.
    rule: "address-status",
    class: "recipient",
    reason: "mailbox_not_found",
    ambiguous: true,
    digit: 5,
    enhanced: ["1.0"],
    stages: ["rcpt"],
    not: [
      "spam",
      "sender",
      "client",
      "temporar",
      "dns",
      "reject",
      "refuse",
      "denied",
      "deny",
      "block",
      "not allowed",
      "not permitted",
      "not accept",
      "domain",
      "host",
      // Whatever else may be wrong with a session or a message.
      "your",
      "from",
      "originator",
      "author",
      "submitter",
      "bounce",
      "reply-to",
      "relay",
      "route",
      "network",
      "service",
      "helo",
      "ehlo",
      "ptr",
      "mx record",
      "ip address",
      "sending",
      "mail server",
      "content",
      "encoding",
      "argument",
      "command",
      "parameter",
      "header",
      "charset",
      "file",
      "format",
      "message",
      "mailer",
      "certificate",
      "login",
      "password",
      "credential",
    ],
    examples: ["550 5.1.0 no"],
  },
  {
    rule: "disabled-status",
    class: "recipient",
    reason: "mailbox_disabled",
    flags: ["disabled"],
    enhanced: ["2.1"],
    examples: ["550 5.2.1 no"],
  },
  {
    rule: "list-status",
    class: "recipient",
    reason: "restricted",
    flags: ["exists"],
    enhanced: ["2.4"],
    examples: ["550 5.2.4 no"],
  },
  {
    // x.7.8 and x.7.9 (RFC 4954): credentials.
    rule: "authentication-status",
    class: "policy",
    reason: "policy_rejected",
    digit: 5,
    enhanced: ["7.8-9", "7.3", "7.14-16"],
    examples: ["535 5.7.8 no", "550 5.7.9 Rejected"],
  },
  {
    rule: "flood-status",
    class: "rate",
    reason: "rate_limited",
    enhanced: ["7.28"],
    examples: ["421 4.7.28 no"],
  },
];

const generic = (rule: string, more: Partial<ReplyRow>, examples: readonly string[]): ReplyRow => ({
  rule,
  class: "policy",
  reason: "policy_rejected",
  ...more,
  examples,
});

/** The bare code decides. Together these cover every 4xx and 5xx, so that nothing falls through. */
export const CODE_ROWS: readonly ReplyRow[] = [
  generic("helo-refused", { digit: 5, stages: ["ehlo"], reason: "helo_rejected" }, ["550 no"]),
  generic("sender-refused", { digit: 5, stages: ["mail"], class: "sender", reason: "sender_rejected" }, ["550 no"]),
  // RFC 5321 3.1: a 554 greeting ends the session; postscreen's 521 greets listed clients.
  generic("greeting-refused", { digit: 5, stages: ["connect", "banner"], secondOpinion: true }, [
    "554 no SMTP service here",
  ]),
  generic(
    "starttls-refused",
    { stages: ["starttls"], class: "temporary", reason: "temporary_error", retry: "reconnect" },
    ["454 no"],
  ),
  // Words about us or the message, so that no contrast with another recipient makes them evidence.
  generic(
    "refused-us",
    {
      digit: 5,
      text: [
        "blocked",
        "banned",
        "junk mail",
        "spam",
        "spoof",
        "content reject",
        "geographical location",
        "access to submit messages",
        "no access from",
      ],
      not: ["recipient", "user", "mailbox", "rcpt"],
      secondOpinion: true,
    },
    [
      "550 Blocked",
      "550 Your access to submit messages to this system has been rejected",
      "550 rejecting spoofed message",
    ],
  ),
  generic("closing", { codes: [421], class: "temporary", reason: "temporary_error", retry: "temporary" }, [
    "421 Service closing transmission channel",
  ]),
  generic("security-policy", { digit: 5, enhanced: ["7.0-1"], ambiguous: true, secondOpinion: true }, [
    "550 5.7.1 Access denied",
    "550 5.7.1 <root@example.jp>... Access denied",
  ]),
  // RFC 5321: 452 and 552 at RCPT are about storage unless words or an enhanced code said otherwise above.
  generic(
    "mailbox-full-code",
    {
      codes: [452, 552],
      class: "capacity",
      reason: "mailbox_full",
      flags: ["mailbox_full", "exists"],
      stages: ["rcpt"],
      // Words that are about something else than room.
      not: ["failure", "error", "reject", "refuse", "denied", "blocked", "busy", "not allowed", "policy", "invalid"],
    },
    ["552 no", "452 4.2.0 no"],
  ),
  generic(
    "account-disabled-code",
    { codes: [525], class: "recipient", reason: "mailbox_disabled", flags: ["disabled"] },
    ["525 no"],
  ),
  generic("authentication-code", { codes: [530, 534, 535, 538] }, ["535 no"]),
  generic("command-code", { codes: [500, 501, 502, 503, 504, 555], class: "protocol", reason: "protocol_error" }, [
    "501 no",
    "555 no",
  ]),
  generic("client-refused-code", { codes: [521, 571], secondOpinion: true }, ["521 no", "571 no"]),
  // The same status under a 4xx, once words about trouble inside the server have had their say.
  generic("bad-mailbox-soft-status", { digit: 4, class: "recipient", reason: "mailbox_not_found", enhanced: ["1.1"] }, [
    "450 4.1.1 no",
  ]),
  generic("temporary-code", { digit: 4, class: "temporary", reason: "temporary_error" }, ["450 no", "451 no"]),
  generic("transaction-failed", { codes: [554], ambiguous: true, secondOpinion: true }, ["554 no"]),
  generic("refused", { digit: 5, ambiguous: true }, [
    "550 Rejected",
    "550 Access denied...7d39d5299584f4be161127e61f5f5400...",
  ]),
];
