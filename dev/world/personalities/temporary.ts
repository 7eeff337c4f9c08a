import type { Fault, Outcome, Personality, ReasonList } from "../types.ts";
import { POSTFIX_BOX, personality, takesAll, withAlternatives } from "./define.ts";

const CLOSING = "421 4.3.2 {host} Service not available, closing transmission channel";

function failing(name: string, description: string, fault: Fault, outcome: Outcome): Personality {
  return personality({ name, description, script: { faults: [fault] }, outcome });
}

/** What may remain open when a server hangs up in the middle of a list. */
const INTERRUPTED: ReasonList = ["temporary_error", "rate_limited", "disconnected", "unconfirmed"];

/** Servers that say "not now". */
export const TEMPORARY: readonly Personality[] = [
  personality({
    name: "greylist",
    description: "greylists every sender, recipient and source",
    greylist: {
      reply: "450 4.2.0 <{addr}>: Recipient address rejected: Greylisted, try again in a while",
      now: "greylisted",
    },
  }),
  personality({
    name: "greylist-451",
    description: "greylists with 451 4.7.1",
    greylist: { reply: "451 4.7.1 Greylisting in action, please come back later", now: "greylisted" },
  }),
  personality({
    name: "greylist-internal",
    description: "a gateway that greylists with the words of an internal error",
    greylist: {
      reply: "451 Internal resource temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451 [a1b2]",
      now: "greylisted",
      also: ["temporary_error"],
    },
  }),
  personality({
    name: "greylist-catchall",
    description: "greylists, and takes everybody after that",
    greylist: { reply: "450 4.7.1 <{addr}>: Recipient address rejected: Greylisted", now: "greylisted" },
    box: takesAll("250 2.1.5 Ok", "catch_all"),
  }),
  personality({
    name: "verify-in-progress",
    description: "Postfix that verifies recipients elsewhere first",
    greylist: {
      reply: "450 4.1.1 <{addr}>: Recipient address rejected: unverified address: Address verification in progress",
      now: "temporary_error",
      also: ["greylisted"],
    },
  }),
  personality({
    name: "newcomer",
    description: "postscreen's tests: 4.3.2 for a source's first session, then all is well",
    script: { newcomer: "450 4.3.2 Service currently unavailable" },
  }),
  personality({
    name: "soft-unknown",
    description: "says 450 for unknown users, always",
    box: {
      exists: { ...POSTFIX_BOX.exists, also: ["unconfirmed"] },
      role: { ...POSTFIX_BOX.role, also: ["unconfirmed"] },
      unknown: {
        reply: "450 4.1.1 <{addr}>: Recipient address rejected: User unknown in local recipient table",
        now: "temporary_error",
        later: "mailbox_not_found",
      },
      gone: {
        reply: "450 4.1.1 <{addr}>: Recipient address rejected: User unknown in local recipient table",
        now: "temporary_error",
        later: "mailbox_not_found",
      },
    },
  }),
  failing(
    "server-full",
    "the server has no disk space left (4.3.1), which is not about the mailbox",
    { at: "mail", do: "reply", text: "452 4.3.1 Insufficient system storage" },
    { now: "temporary_error" },
  ),
  failing(
    "tempfail-rcpt",
    "451 for every recipient",
    { at: "rcpt", do: "reply", text: "451 4.3.0 <{addr}>: Temporary lookup failure" },
    { now: "temporary_error" },
  ),
  failing(
    "421-banner",
    "421 instead of a greeting",
    { at: "banner", do: "close", text: CLOSING },
    { now: "temporary_error" },
  ),
  failing("421-ehlo", "421 at EHLO", { at: "ehlo", do: "close", text: CLOSING }, { now: "temporary_error" }),
  failing("421-mail", "421 at MAIL", { at: "mail", do: "close", text: CLOSING }, { now: "temporary_error" }),
  failing(
    "421-rcpt",
    "421 at the first recipient",
    { at: "rcpt", do: "close", text: CLOSING },
    { now: "temporary_error" },
  ),
  personality({
    name: "421-later",
    description: "421 at the twentieth recipient of a session",
    script: { faults: [{ at: "rcpt", from: 20, do: "close", text: "421 4.7.0 {host} closing connection, come back" }] },
    box: withAlternatives({}, INTERRUPTED),
  }),
];
