import type { Personality } from "../types.ts";
import { personality, unknownAs } from "./define.ts";

const HOSTS_OF_ACCEPT = 50;

/** Text as the bytes of its UTF-8 form; the world writes one byte per character. */
const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** Mail server software that tells the truth at RCPT, each in its own words. */
export const SOFTWARE: readonly Personality[] = [
  personality({ name: "postfix", description: "Postfix: known users accepted, unknown refused" }),
  personality({
    name: "accept",
    description: "like postfix, on 50 hosts that numbered domains share: for volume",
    hosts: Array.from({ length: HOSTS_OF_ACCEPT }, (_, i) => ({ name: `mx${i}` })),
    spread: true,
  }),
  personality({
    name: "exim",
    description: "Exim: 550 without an enhanced code, nine RSET per session",
    script: {
      banner: "220 {host} ESMTP Exim 4.98 Fri, 20 Nov 2026 08:00:00 +0000",
      keywords: ["SIZE 52428800", "8BITMIME"],
      resetsMax: 9,
    },
    box: {
      exists: { reply: "250 Accepted", now: "accepted" },
      role: { reply: "250 Accepted", now: "accepted" },
      ...unknownAs({ reply: "550 Unrouteable address", now: "mailbox_not_found" }),
      full: { reply: "452 <{addr}> mailbox is full, retry later", now: "mailbox_full" },
      disabled: { reply: "550 Account {local} has been suspended", now: "mailbox_disabled" },
    },
  }),
  personality({
    name: "cpanel",
    description: "Exim as cPanel sets it up: its No Such User Here",
    script: {
      banner:
        "220 {host} ESMTP Exim 4.97 #2 Fri, 20 Nov 2026 08:00:00 +0000\nWe do not authorize the use of this system to transport unsolicited,\nand/or bulk e-mail.",
      keywords: ["SIZE 52428800", "8BITMIME"],
      resetsMax: 9,
    },
    box: {
      exists: { reply: "250 Accepted", now: "accepted" },
      role: { reply: "250 Accepted", now: "accepted" },
      ...unknownAs({ reply: '550 No Such User Here"', now: "mailbox_not_found" }),
      full: { reply: "552 Mailbox quota exceeded for {addr}", now: "mailbox_full" },
      disabled: { reply: "550 The account {addr} is suspended", now: "mailbox_disabled" },
    },
  }),
  personality({
    name: "sendmail",
    description: "Sendmail: later 250 replies of a transaction name the first recipient",
    script: {
      banner: "220 {host} ESMTP Sendmail 8.18.1/8.18.1; Fri, 20 Nov 2026 08:00:00 GMT",
      keywords: ["ENHANCEDSTATUSCODES", "8BITMIME", "SIZE", "DSN", "HELP"],
      namesFirstRecipient: true,
    },
    box: {
      exists: { reply: "250 2.1.5 <{addr}>... Recipient ok", now: "accepted" },
      role: { reply: "250 2.1.5 <{addr}>... Recipient ok", now: "accepted" },
      ...unknownAs({ reply: "550 5.1.1 <{addr}>... User unknown", now: "mailbox_not_found" }),
      full: { reply: "552 5.2.2 <{addr}>... Mailbox full", now: "mailbox_full" },
      disabled: { reply: "550 5.2.1 <{addr}>... Mailbox disabled for this recipient", now: "mailbox_disabled" },
    },
  }),
  personality({
    name: "sendmail-throttle",
    description: "Sendmail with BadRcptThrottle: sleeps after refusals, and holds its replies back while input waits",
    slow: true,
    script: {
      banner: "220 {host} ESMTP Sendmail 8.18.1/8.18.1; Fri, 20 Nov 2026 08:00:00 GMT",
      keywords: ["ENHANCEDSTATUSCODES", "8BITMIME", "SIZE", "DSN", "HELP"],
      throttleMs: 1_000,
      pipelined: "held",
    },
    box: unknownAs({ reply: "550 5.1.1 <{addr}>... User unknown", now: "mailbox_not_found" }),
  }),
  personality({
    name: "exchange",
    description: "Exchange on premises with recipient filtering",
    script: {
      banner: "220 {host} Microsoft ESMTP MAIL Service ready at Fri, 20 Nov 2026 08:00:00 +0000",
      keywords: ["SIZE 37748736", "DSN", "ENHANCEDSTATUSCODES", "8BITMIME", "BINARYMIME", "CHUNKING"],
    },
    box: {
      exists: { reply: "250 2.1.5 Recipient OK", now: "accepted" },
      role: { reply: "250 2.1.5 Recipient OK", now: "accepted" },
      ...unknownAs({
        reply: "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {addr} not found by SMTP address lookup",
        now: "mailbox_not_found",
      }),
      full: { reply: "452 4.2.2 The recipient's mailbox is full", now: "mailbox_full" },
      disabled: { reply: "550 5.2.1 Mailbox cannot be accessed; the account is disabled", now: "mailbox_disabled" },
      restricted: {
        reply:
          "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group",
        now: "restricted",
      },
    },
  }),
  personality({
    name: "qmail",
    description: "qmail with a recipient check: short texts, no enhanced codes",
    script: { banner: "220 {host} ESMTP", keywords: ["8BITMIME", "SIZE 0"] },
    box: {
      exists: { reply: "250 ok", now: "accepted" },
      role: { reply: "250 ok", now: "accepted" },
      ...unknownAs({ reply: "550 sorry, no mailbox here by that name. (#5.1.1)", now: "mailbox_not_found" }),
      full: { reply: "552 sorry, that mailbox is over quota (#5.2.2)", now: "mailbox_full" },
      disabled: { reply: "550 sorry, that mailbox is disabled (#5.2.1)", now: "mailbox_disabled" },
    },
  }),
  personality({
    name: "opensmtpd",
    description: "OpenSMTPD: 550 Invalid recipient",
    script: {
      banner: "220 {host} ESMTP OpenSMTPD",
      keywords: ["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 36700160", "DSN"],
    },
    box: {
      exists: { reply: "250 2.1.5 Destination address valid: Recipient ok", now: "accepted" },
      role: { reply: "250 2.1.5 Destination address valid: Recipient ok", now: "accepted" },
      ...unknownAs({ reply: "550 Invalid recipient: <{addr}>", now: "mailbox_not_found" }),
    },
  }),
  personality({
    name: "haraka",
    description: "Haraka: I cannot deliver mail for",
    script: { banner: "220 {host} ESMTP Haraka ready", keywords: ["8BITMIME", "SIZE 0"] },
    box: {
      exists: { reply: "250 recipient <{addr}> OK", now: "accepted" },
      role: { reply: "250 recipient <{addr}> OK", now: "accepted" },
      ...unknownAs({ reply: "550 5.1.1 I cannot deliver mail for <{addr}>", now: "mailbox_not_found" }),
    },
  }),
  personality({
    name: "courier",
    description: "Courier: tarpits each unknown user for 8 s",
    slow: true,
    script: { banner: "220 {host} ESMTP", keywords: ["8BITMIME", "SIZE", "DSN"] },
    box: {
      exists: { reply: "250 Ok.", now: "accepted" },
      role: { reply: "250 Ok.", now: "accepted" },
      ...unknownAs({ reply: "550 User unknown.", now: "mailbox_not_found", delayMs: 8_000 }),
    },
  }),
  personality({
    name: "latin1",
    description: "answers in Latin-1, which is no UTF-8",
    script: { banner: "220 {host} ESMTP f\u00fcr Sie bereit" },
    box: unknownAs({
      reply: "550 5.1.1 Empf\u00e4nger {addr} unbekannt: Benutzer nicht gefunden",
      now: "mailbox_not_found",
    }),
  }),
  personality({
    name: "utf8-words",
    description: "answers in UTF-8, byte by byte, so that characters are torn",
    script: { delivery: "bytes" },
    box: unknownAs({
      reply: `550 5.1.1 ${utf8("Empfänger {addr} unbekannt: für diese Domain gibt es keinen solchen Benutzer")}`,
      now: "mailbox_not_found",
    }),
  }),
  personality({
    name: "terse",
    description: "says 250 and nothing else, and puts the enhanced code of a refusal on a line of its own",
    box: {
      exists: { reply: "250 ", now: "accepted" },
      role: { reply: "250 ", now: "accepted" },
      ...unknownAs({ reply: "550 5.1.1\nNo such user here", now: "mailbox_not_found" }),
    },
  }),
  personality({
    name: "german",
    description: "a hoster that answers in German, without an enhanced code",
    script: { banner: "220 {host} ESMTP bereit", keywords: ["8BITMIME"] },
    box: {
      ...unknownAs({ reply: "550 Empfaenger {addr} unbekannt: Benutzer existiert nicht", now: "mailbox_not_found" }),
      full: { reply: "552 Postfach voll, Speicherplatz erschoepft", now: "mailbox_full" },
      disabled: { reply: "550 Dieses Postfach ist deaktiviert", now: "mailbox_disabled" },
    },
  }),
];
