import type { ReplyRow } from "../types.ts";

/** Exact replies of mail server programs, where their plain reading would be another one. */
export const SERVER_ROWS: readonly ReplyRow[] = [
  {
    // OpenSMTPD says so of an unknown user, but also of a domain that it does not serve at all.
    rule: "opensmtpd-invalid-recipient",
    class: "recipient",
    reason: "mailbox_not_found",
    ambiguous: true,
    codes: [550],
    enhanced: ["none"],
    text: ["^invalid recipient: <@>$", "^invalid recipient: @$"],
    examples: ["550 Invalid recipient: <user@example.com>"],
  },
  {
    // hMailServer, for a client that may not hand in mail for this domain.
    rule: "hmailserver-relay",
    class: "relay",
    reason: "relay_denied",
    text: ["delivery is not allowed to this address"],
    examples: ["550 Delivery is not allowed to this address."],
  },
  {
    // Coremail: this machine hands in mail of its own users only, so the sender is meant.
    rule: "coremail-submission-only",
    class: "relay",
    reason: "relay_denied",
    text: ["local user only", "no smtp mx only", "relay check domain fail", "relay check local fail"],
    examples: [
      "553 Requested action not taken: Local user only or Authentication mechanism",
      "550 Requested action not taken: no smtp MX only",
    ],
  },
  {
    // Cisco's gateways and their imitators: the directory does not have this recipient.
    rule: "ironport-address-rejected",
    class: "recipient",
    reason: "mailbox_not_found",
    codes: [550],
    enhanced: ["1.0"],
    text: [
      "^address rejected$",
      "^address rejected.$",
      "^address rejected. @$",
      "^address rejected @$",
      "#5.1.0 address rejected",
    ],
    not: ["sender"],
    examples: ["550 #5.1.0 Address rejected.", "550 #5.1.0 Address rejected user@example.com"],
  },
  {
    // Postfix could not verify the recipient because mail for the domain runs in a circle there.
    rule: "postfix-verification-loop",
    class: "temporary",
    reason: "temporary_error",
    retry: "temporary",
    text: ["undeliverable address: mail for~loops back", "undeliverable address: *loops back to myself"],
    examples: [
      "550 5.1.1 <user@example.com>: Recipient address rejected: undeliverable address: mail for example.com loops back to myself",
    ],
  },
  {
    // GMX and IONOS where they take mail in for sending on.
    rule: "nemesis-sending-failed",
    class: "temporary",
    reason: "temporary_error",
    retry: "temporary",
    text: ["failure sending mail. try again later"],
    examples: ["550-Requested action not taken: mailbox unavailable\n550 Failure sending mail. Try again later"],
  },
  {
    // Docomo refuses senders whom its customer filters in the words of an unknown user, but only behind the message.
    rule: "docomo-filtered",
    class: "recipient",
    reason: "restricted",
    flags: ["exists"],
    stages: ["data"],
    enhanced: ["none"],
    text: ["^unknown user @$", "^unknown user @ unknown user @$"],
    examples: ["550 Unknown user user@docomo.example"],
  },
  {
    // Alibaba's enterprise mail, of a name that its customer's domain does not have.
    rule: "alibaba-unknown",
    class: "recipient",
    reason: "mailbox_not_found",
    text: ["rcptto account isn't a local account"],
    examples: ["503 Rcptto account isn't a local account"],
  },
  {
    // A mailbox user of this domain, not a domain.
    rule: "domain-mailbox-user",
    class: "recipient",
    reason: "mailbox_not_found",
    digit: 5,
    text: ["^invalid domain mailbox user"],
    examples: ["550 Invalid domain mailbox user"],
  },
  {
    rule: "gmx-mail-bomb",
    class: "rate",
    reason: "rate_limited",
    text: ["(mail bomb)"],
    examples: ["450 4.3.2 Too many mails (mail bomb), try again in 1 hour(s) 25 minute(s)"],
  },
];
