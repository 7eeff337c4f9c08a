import type { ReplyRow } from "../types.ts";

/** Yahoo, AOL and the AT&T mailboxes that they run. */
export const YAHOO_ROWS: readonly ReplyRow[] = [
  {
    rule: "yahoo-no-account",
    class: "recipient",
    reason: "mailbox_not_found",
    text: [
      "this user doesn't have a*account",
      "dd this user doesn",
      "dd requested mail action aborted, mailbox",
      "dd sorry, your message to*cannot be delivered. this mailbox is",
    ],
    not: ["this mailbox is disabled"],
    examples: [
      "554 delivery error: dd This user doesn't have a yahoo.com account (nobody@yahoo.com) [0] - mta1061.mail.ne1.yahoo.com",
    ],
  },
  {
    // Yahoo's frame with its ending cut off, or with a number instead: 30 is a mailbox that was switched off.
    rule: "yahoo-cannot-be-delivered",
    class: "recipient",
    reason: "mailbox_disabled",
    flags: ["disabled"],
    digit: 5,
    text: ["30 sorry, your message to~cannot be delivered"],
    not: ["quota", "full"],
    examples: ["554 30 Sorry, your message to user@aol.jp cannot be delivered."],
  },
  {
    rule: "yahoo-deferred",
    class: "rate",
    reason: "rate_limited",
    text: [
      "temporarily deferred due to",
      "[tss0",
      "[tss1",
      "[ts01]",
      "[ts02]",
      "[ts03]",
      "[gl01]",
      "all messages from*will be permanently deferred",
      "max message per connection reached",
      "not accepting messages because you have sent too many",
    ],
    examples: [
      "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
      "553 5.7.2 [TS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.",
    ],
  },
  {
    rule: "yahoo-block-code",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: [
      "[bl2",
      "[ph01]",
      "[cs01]",
      "(rtr:",
      "(dyn:",
      "(hvu:",
      "(rly:",
      "(cnn:",
      "(con:b",
      "(dns:b",
      "(ipv:",
      "spamhaus's list",
      "att.net/blocks",
    ],
    examples: [
      "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list; see https://postmaster.yahooinc.com/550-bl23.html",
      "554 5.7.1 : (RTR:BL) http://postmaster.info.aol.com/errors/554rtrbl.html",
      "521 5.2.1 : (HVU:B1) http://postmaster.info.aol.com/errors/554hvub1.html",
      "550 Error. Blocked for abuse. See http://att.net/blocks",
    ],
  },
  {
    rule: "yahoo-policy",
    class: "policy",
    reason: "policy_rejected",
    text: ["message not accepted for policy reasons"],
    examples: ["554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes"],
  },
];
