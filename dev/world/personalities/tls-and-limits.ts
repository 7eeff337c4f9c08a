import type { HostScript, Personality } from "../types.ts";
import { personality, withAlternatives } from "./define.ts";

function host(name: string, description: string, script: HostScript): Personality {
  return personality({ name, description, script });
}

const TLS: readonly Personality[] = [
  host("tls", "offers STARTTLS, and it works", { tls: "good" }),
  host("tls-expired", "its certificate has expired", { tls: "expired" }),
  host("tls-garbage", "answers the TLS handshake with garbage; clear text works", { tls: "garbage" }),
  host("tls-close", "closes in the TLS handshake; clear text works", { tls: "close" }),
  host("tls-reset", "resets the connection after the 220 of STARTTLS; clear text works", { tls: "reset" }),
  host("tls-454", "offers STARTTLS and then says 454; clear text works", { tls: "unavailable" }),
  host("tls-injected", "someone smuggles replies in behind the 220 of STARTTLS; clear text works", { tls: "injected" }),
  { ...host("tls-stall", "falls silent in the TLS handshake; clear text works", { tls: "stall" }), slow: true },
  host("tls-required", "takes no mail in clear text", {
    tls: "good",
    tlsRequired: "530 5.7.0 Must issue a STARTTLS command first",
  }),
  host("tls-required-571", "takes no mail in clear text, and says so with another code", {
    tls: "good",
    tlsRequired: "530 5.7.1 Encryption required: STARTTLS must be issued before mail",
  }),
  {
    ...host("tls-required-broken", "takes no mail in clear text, but its TLS does not work", {
      tls: "garbage",
      tlsRequired: "530 5.7.0 Must issue a STARTTLS command first",
    }),
    outcome: { now: "tls_required" },
  },
];

const LIMITS: readonly Personality[] = [
  host("recipients-5", "452 4.5.3 after five recipients in a transaction", { recipientsMax: 5 }),
  host("recipients-552", "552 after ten recipients, as RFC 821 had it", {
    recipientsMax: 10,
    recipientsReply: "552 5.5.3 Too many recipients for this message",
  }),
  host("recipients-1", "takes one recipient per transaction", { recipientsMax: 1 }),
  host("recipients-asked", "counts refused recipients too, as Exim's recipients_max does", {
    recipientsMax: 3,
    recipientsCount: "asked",
    recipientsReply: "452 too many recipients",
  }),
  host("recipients-session", "counts the recipients of all transactions of a session", {
    recipientsMax: 6,
    recipientsCount: "session",
    recipientsReply: "452 4.5.3 Too many recipients received in this session",
  }),
  host("limits-recipient", "announces one recipient per transaction (RFC 9422)", {
    keywords: ["SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "LIMITS RCPTMAX=1"],
    recipientsMax: 1,
  }),
  host("limits-message", "announces one transaction per session (RFC 9422)", {
    keywords: ["SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "LIMITS MAILMAX=1"],
    faults: [{ at: "mail", from: 2, do: "close", text: "421 4.7.0 {host} one message per session" }],
  }),
  host("limits", "announces its limit of ten recipients (RFC 9422)", {
    keywords: ["SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "LIMITS RCPTMAX=10 MAILMAX=20"],
    recipientsMax: 10,
  }),
  host("error-limit", "slow after ten errors, 421 after twenty, as Postfix does", { errorsSlow: 10, errorsMax: 20 }),
  personality({
    name: "harvest-guard",
    description: "421 at the sixth unknown user of a session",
    script: { faults: [{ at: "unknown", from: 6, do: "close", text: "421 4.7.1 {host} Too many invalid recipients" }] },
    box: withAlternatives({}, ["temporary_error", "rate_limited", "policy_rejected", "unconfirmed"]),
  }),
  host("errors-3", "421 after three errors, as Postfix does with smtpd_hard_error_limit=3", { errorsMax: 3 }),
  host("drop-after-3", "hangs up on whoever is next after three failed recipients, as Exim's drop condition does", {
    patience: { failures: 3, goodbye: "550 Too many failed recipients - count = 3" },
  }),
  host("drop-after-3-own-words", "the same, in words that might be about the recipient", {
    patience: { failures: 3, goodbye: "550 Administrative prohibition" },
  }),
  host("drop-after-3-mute", "the same, without a word", { patience: { failures: 3, goodbye: null } }),
  host("bad-recipients-2", "refuses its second stranger with a general complaint and closes, as Haraka does", {
    faults: [{ at: "unknown", from: 2, do: "close", text: "550 too many unrecognized recipients" }],
  }),
  host("one-message", "refuses a second MAIL in a session", {
    faults: [{ at: "mail", from: 2, do: "reply", text: "503 5.5.1 Error: nested MAIL command" }],
  }),
  host("few-messages", "refuses a fourth MAIL in a session for now", {
    faults: [{ at: "mail", from: 4, do: "reply", text: "451 4.7.0 Too many messages in this session" }],
  }),
  host("message-limit", "421 at the fourth MAIL of a session", {
    faults: [{ at: "mail", from: 4, do: "close", text: "421 4.7.0 {host} Error: message count exceeded" }],
  }),
  host("reset-unknown", "does not know RSET", {
    faults: [{ at: "rset", do: "reply", text: "502 5.5.1 Command not implemented" }],
  }),
  host("reset-421", "says 421 to RSET, and goes on", {
    faults: [{ at: "rset", do: "reply", text: "421 4.3.0 {host} try again later" }],
  }),
  host("reset-limit", "closes at the tenth RSET, as Exim does", { resetsMax: 9 }),
  host("connection-limit", "two connections at a time from one address", { connectionsMax: 2 }),
  host("one-connection", "one connection at a time", { connectionsMax: 1 }),
];

/** Encryption in all its states, and hosts with narrow limits. */
export const TLS_AND_LIMITS: readonly Personality[] = [...TLS, ...LIMITS];
