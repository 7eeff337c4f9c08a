import type { ReplyRow } from "../types.ts";

/** The mailbox has gone elsewhere. */
export const MOVED_ROWS: readonly ReplyRow[] = [
  {
    rule: "moved",
    class: "recipient",
    reason: "mailbox_not_found",
    flags: ["moved"],
    text: [
      "has moved",
      "have moved",
      "moved to",
      "has been moved",
      "been replaced by",
      "address has changed",
      "address changed",
      "has changed to",
      "new address",
      "new email address",
      "please try <",
      "please use <",
      "adresse a change",
      "nouvelle adresse",
      "neue adresse",
      "nueva direccion",
      "novo endereco",
      "nuovo indirizzo",
      "nieuw adres",
      "nowy adres",
      "новый адрес",
    ],
    not: ["relay", "sender"],
    examples: [
      "550 5.1.6 <user@example.com>: Recipient address rejected: Address changed",
      "551 5.1.6 <user@example.com> has moved to <new@example.net>",
      "551 User not local; please try <new@example.net>",
    ],
  },
  {
    // RFC 5321 3.4: 551 refuses and tells the new address; RFC 3463 x.1.6.
    rule: "moved-code",
    class: "recipient",
    reason: "mailbox_not_found",
    flags: ["moved"],
    codes: [551],
    not: ["relay", "sender", "authenti", "not authorized", "not authorised"],
    examples: ["551 not our customer", "551 5.7.1 User not local"],
  },
  {
    rule: "moved-status",
    class: "recipient",
    reason: "mailbox_not_found",
    flags: ["moved"],
    enhanced: ["1.6"],
    examples: ["550 5.1.6 gone"],
  },
];
