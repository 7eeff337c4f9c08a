import type { Personality } from "../types.ts";
import { personality, unknownAs } from "./define.ts";

const HOSTS_OF_ACCEPT = 50;

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
];
