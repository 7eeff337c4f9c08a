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
  host("reset-limit", "closes at the tenth RSET, as Exim does", { resetsMax: 9 }),
  host("connection-limit", "two connections at a time from one address", { connectionsMax: 2 }),
  host("one-connection", "one connection at a time", { connectionsMax: 1 }),
];

/** Encryption in all its states, and hosts with narrow limits. */
export const TLS_AND_LIMITS: readonly Personality[] = [...TLS, ...LIMITS];
