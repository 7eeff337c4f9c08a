import type { ReplyRow } from "../types.ts";

/** Gmail and Google Workspace; each reply ends in "gsmtp" and names a help page. */
export const GOOGLE_ROWS: readonly ReplyRow[] = [
  {
    // The mailbox is there; it gets more mail than it may.
    rule: "google-receiving-too-fast",
    class: "temporary",
    reason: "temporary_error",
    flags: ["exists"],
    retry: "temporary",
    text: ["is receiving%too quickly", "receiving%at a rate that", "p=receivingrate"],
    examples: [
      "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your message at a later time. https://support.google.com/mail/?p=ReceivingRate a1si1 - gsmtp",
      "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered. https://support.google.com/mail/?p=ReceivingRatePerm - gsmtp",
    ],
  },
  {
    rule: "google-no-such-user",
    class: "recipient",
    reason: "mailbox_not_found",
    text: ["p=nosuchuser", "answer=6596", "the email account that you tried to reach does not exist", "(usersearch)"],
    not: ["quota"],
    examples: [
      "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550 5.1.1 unnecessary spaces. Learn more at https://support.google.com/mail/?p=NoSuchUser e22si1 - gsmtp",
      "550 5.1.1 http://support.google.com/mail/bin/answer.py?answer=6596 ad1si1.83 - gsmtp",
    ],
  },
  {
    rule: "google-disabled-user",
    class: "recipient",
    reason: "mailbox_disabled",
    flags: ["disabled"],
    text: [
      "p=disableduser",
      "email account that you tried to reach is disabled",
      "email account that you tried to reach is inactive",
      "p=inactiveuser",
    ],
    examples: [
      "550 5.2.1 The email account that you tried to reach is disabled. Learn more at https://support.google.com/mail/?p=DisabledUser a1si1 - gsmtp",
      "550 5.2.1 The email account that you tried to reach is inactive. For more information, go to https://support.google.com/mail/?p=InactiveUser",
    ],
  },
  {
    rule: "google-over-quota",
    class: "capacity",
    reason: "mailbox_full",
    flags: ["mailbox_full", "exists"],
    text: [
      "p=overquota",
      "inbox is out of storage space",
      "user you are trying to reach is over quota",
      "email account that you tried to reach is over quota",
    ],
    examples: [
      "452 4.2.2 The recipient's inbox is out of storage space. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaTemp a1 - gsmtp",
      "552 5.2.2 The email account that you tried to reach is over quota. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaPerm",
    ],
  },
  {
    rule: "google-rate",
    class: "rate",
    reason: "rate_limited",
    text: [
      "unusual rate of",
      "p=unsolicitedratelimiterror",
      "our system has detected an unusual",
      "peak smtp relay limit",
    ],
    examples: [
      "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address. To protect our users from spam, mail sent from your IP address has been temporarily rate limited. - gsmtp",
      "421-4.7.0 Our system has detected an unusual rate of unsolicited mail originating from your IP address. - gsmtp",
    ],
  },
  {
    rule: "google-unlisted-client",
    class: "policy",
    reason: "policy_rejected",
    text: ["ip not in whitelist for rcpt domain"],
    examples: ["421 4.7.0 IP not in whitelist for RCPT domain, closing connection. a1 - gsmtp"],
  },
  {
    rule: "google-closing",
    class: "rate",
    reason: "rate_limited",
    codes: [421],
    text: ["try again later, closing connection. (", "try again later, closing connection. #"],
    examples: ["421 4.7.0 Try again later, closing connection. (EHLO) a640c23a62f3a-a4444si1 - gsmtp"],
  },
];
