import type { ReplyRow } from "../types.ts";

/** Filters in front of other people's mail: Mimecast, Proofpoint, Barracuda, Cisco, MessageLabs, McAfee. */
export const GATEWAY_ROWS: readonly ReplyRow[] = [
  {
    // Mimecast's words for greylisting an unknown sender and recipient pair.
    rule: "mimecast-greylist",
    class: "greylist",
    reason: "greylisted",
    text: [
      "internal resources are temporarily unavailable",
      "internal resource temporarily unavailable",
      "internal resources temporarily unavailable",
    ],
    digit: 4,
    examples: [
      "451 Internal resources are temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451 [yYcTKUOBPDqFWcHO]",
    ],
  },
  {
    rule: "mimecast-blocked",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: [
      "ip temporarily blacklisted",
      "ct ip reputation",
      "sender address blocked",
      "host network not allowed",
      "host network, not allowed",
    ],
    examples: [
      "550 Local CT IP Reputation - (reject) [yYcTKUOBPDqFWcHO]",
      "554 Host network not allowed - https://community.mimecast.com/docs/DOC-1369#554",
    ],
  },
  {
    rule: "mimecast-sender",
    class: "sender",
    reason: "sender_rejected",
    text: [
      "sender invalid - envelope rejected",
      "envelope blocked",
      "envelope rejected",
      "anti-spoofing policy",
      "rejected by header",
    ],
    examples: [
      "550 SPF Sender Invalid - envelope rejected - https://community.mimecast.com/docs/DOC-1369#550",
      "550 Administrative prohibition - envelope blocked - https://community.mimecast.com/docs/DOC-1369#550",
    ],
  },
  {
    // The gateway's own list of addresses says so; the 5.7.1 in front misleads.
    rule: "gateway-marked-invalid",
    class: "recipient",
    reason: "mailbox_not_found",
    text: ["marked as invalid", "email address is not valid in this domain"],
    examples: ["550 5.7.1 <user@example.com>: Recipient address rejected: this address is marked as invalid"],
  },
  {
    rule: "ironport-reputation",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: ["access to this mail system has been rejected due to", "sending mta's poor reputation"],
    examples: [
      "554 Your access to this mail system has been rejected due to the sending MTA's poor reputation. If you believe that this failure is in error, please contact the intended recipient via alternate means.",
    ],
  },
  {
    // Their address registration answers with a code that nobody else uses.
    rule: "messagelabs-unregistered",
    class: "recipient",
    reason: "mailbox_not_found",
    codes: [542],
    text: ["rejected"],
    examples: ["542 user@example.com Rejected"],
  },
  {
    rule: "messagelabs-blacklist",
    class: "policy",
    reason: "policy_rejected",
    text: ["address that has been blacklisted", "your email address has been blacklisted"],
    examples: ["553 sorry, you are sending to/from an address that has been blacklisted (#5.7.1)"],
  },
  {
    rule: "mcafee-bouncedeny",
    class: "policy",
    reason: "policy_rejected",
    text: ["denied [bouncedeny]", "^denied ["],
    examples: ["554 Denied [BounceDeny] [1.2] (Mode: normal)"],
  },
  {
    rule: "barracuda-permanent-failure",
    class: "recipient",
    reason: "mailbox_not_found",
    text: [
      "permanent failure for one or more recipients (@:550",
      "permanent failure for one or more recipients (@: 550",
    ],
    not: ["blocked)"],
    examples: ["554 Transaction Failed permanent failure for one or more recipients (user@example.com:550 5.1.1)"],
  },
  {
    rule: "barracuda-blocked",
    class: "policy",
    reason: "policy_rejected",
    text: ["permanent failure for one or more recipients~:blocked)", "@:blocked)"],
    examples: ["550 permanent failure for one or more recipients (user@example.com:blocked)"],
  },
];
