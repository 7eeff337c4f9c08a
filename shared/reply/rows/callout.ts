import type { ReplyRow } from "../types.ts";

/**
 * Replies about our sender that quote another server's words. They come first of all: the quotation often reads
 * "550 5.1.1 user unknown", and it is our own mailbox that it means.
 */
export const CALLOUT_ROWS: readonly ReplyRow[] = [
  {
    rule: "sender-callout",
    class: "sender",
    reason: "sender_rejected",
    text: [
      "sender verify failed",
      "sender verification",
      "sender address verification",
      "sender callout",
      "sender call-out",
      "callback setup",
      "callback verification",
      "could not complete sender verify",
      "could not verify sender",
      "unable to verify sender",
      "cannot verify sender",
      "verify your sender",
      "verification failed for <@>",
      "sender address rejected",
      "sender address undeliverable",
      "sender's address~not",
      "return address could not be verified",
      // cPanel's words for a sender that its call-out could not verify.
      "the account or domain may not exist",
      "response to: mail from",
      "called: mail from",
    ],
    examples: [
      "550 Sender verify failed",
      "550-Verification failed for <probe@sender.example> 550-Called: 192.0.2.1 Sent: RCPT TO:<probe@sender.example> Response: 550 5.1.1 user unknown 550 Sender verify failed",
      "450 4.1.7 <probe@sender.example>: Sender address rejected: unverified address: host mx.sender.example[192.0.2.1] said: 550 5.1.1 <probe@sender.example>: Recipient address rejected: User unknown (in reply to RCPT TO command)",
      "451 Could not complete sender verify callout",
      "550 The mail server could not deliver mail to probe@sender.example. The account or domain may not exist, they may be blacklisted, or missing the proper dns entries.",
    ],
  },
  {
    // Exim's words for its call-out of the recipient (of a sender it says "Called:"); what it quotes decides.
    rule: "recipient-callout",
    class: "recipient",
    reason: "mailbox_not_found",
    text: [
      "callout verification failed*user unknown",
      "callout verification failed*unknown user",
      "callout verification failed*no such",
      "callout verification failed*not exist",
      "callout verification failed*invalid recipient",
      "callout verification failed*mailbox unavailable",
      "callout verification failed*not found",
    ],
    not: ["sender", "called:", "blocked", "spam", "relay", "client host", "full", "quota", "domain", "greylist"],
    examples: ["550-Callout verification failed:\n550 550 5.1.1 <user@example.com>: User unknown"],
  },
  {
    // RFC 3463: x.1.7 is the syntax of the sender's address, x.1.8 its domain.
    rule: "sender-status",
    class: "sender",
    reason: "sender_rejected",
    enhanced: ["1.7", "1.8"],
    examples: [
      "501 5.1.8 refused  [MAIL_FROM]",
      "550 5.1.7 No such domain sender.example.",
      "450 4.1.8 <probe@sender.example>: Domain not found",
    ],
  },
];
