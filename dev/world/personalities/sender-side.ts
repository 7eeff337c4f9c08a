import type { Reason } from "../../../shared/verdict/vocabulary.ts";
import type { Fault, FaultPoint, HostScript, Personality } from "../types.ts";
import { personality } from "./define.ts";

/** A host that refuses us, not the recipients, at one point of the session. */
function refusal(
  name: string,
  reason: Reason,
  at: FaultPoint,
  text: string,
  more: { close?: true; also?: readonly Reason[]; script?: HostScript } = {},
): Personality {
  const faults: Fault[] = [{ at, do: more.close ? "close" : "reply", text }];
  if (at === "ehlo") faults.push({ at: "helo", do: "close", text });
  return personality({
    name,
    description: `${reason} at ${at}: ${text.split("\n", 1)[0]}`,
    script: { ...more.script, faults },
    outcome: { now: reason, also: more.also ?? [] },
  });
}

const BLOCKLISTS: readonly Personality[] = [
  refusal(
    "blocklist-banner",
    "probe_blocklisted",
    "banner",
    "554 {host} ESMTP not accepting messages: your address {ip} is listed at zen.spamhaus.org",
    { close: true },
  ),
  refusal(
    "blocklist-banner-521",
    "probe_blocklisted",
    "banner",
    "521 5.7.1 Service unavailable; client [{ip}] blocked using zen.spamhaus.org",
    { close: true },
  ),
  refusal(
    "blocklist-helo",
    "probe_blocklisted",
    "ehlo",
    "550 5.7.1 Your address {ip} is on our blocklist, see https://www.barracudacentral.org/lookups?ip={ip}",
    { close: true },
  ),
  refusal(
    "blocklist-mail",
    "probe_blocklisted",
    "mail",
    "550 5.7.1 Email from [{ip}] is blocked by DNSBL bl.spamcop.net; see https://www.spamcop.net/bl.shtml?{ip}",
  ),
  refusal(
    "blocklist-rcpt",
    "probe_blocklisted",
    "rcpt",
    "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/{ip}",
  ),
  refusal(
    "blocklist-microsoft",
    "probe_blocklisted",
    "mail",
    "550 5.7.606 Access denied, banned sending IP [{ip}]. To request removal from this list please visit https://sender.office.com/",
    { close: true },
  ),
  refusal(
    "blocklist-rcpt-postscreen",
    "probe_blocklisted",
    "rcpt",
    "550 5.7.1 Service unavailable; client [{ip}] blocked using b.barracudacentral.org",
  ),
];

const IDENTITY: readonly Personality[] = [
  refusal(
    "ptr-required",
    "rdns_required",
    "rcpt",
    "550 5.7.25 Client host rejected: cannot find your reverse hostname, [{ip}]",
  ),
  refusal(
    "ptr-required-banner",
    "rdns_required",
    "banner",
    "554 5.7.1 The server IP {ip} has no reverse DNS (PTR) record; connection refused",
    { close: true },
  ),
  refusal(
    "helo-rejected",
    "helo_rejected",
    "rcpt",
    "504 5.5.2 <{helo}>: Helo command rejected: need fully-qualified hostname",
  ),
  refusal(
    "helo-rejected-early",
    "helo_rejected",
    "ehlo",
    "550 5.7.1 <{helo}>: HELO/EHLO name rejected: it does not resolve to {ip}",
    {
      close: true,
    },
  ),
  refusal(
    "sender-rejected",
    "sender_rejected",
    "mail",
    "550 5.7.1 <{sender}>: Sender address rejected: not welcome here",
  ),
  refusal(
    "sender-rejected-rcpt",
    "sender_rejected",
    "rcpt",
    "554 5.7.1 <{sender}>: Sender address rejected: Access denied",
  ),
  refusal(
    "sender-callout",
    "sender_rejected",
    "rcpt",
    "550 Verification failed for <{sender}>\nCalled:   127.0.0.1\nSent:     RCPT TO:<{sender}>\nResponse: 550 5.1.1 <{sender}>: Recipient address rejected: User unknown\nSender verify failed",
  ),
  personality({
    name: "sender-domain",
    description: "asks DNS for the sender's domain and refuses it when it does not exist (4.1.8)",
    script: { checksSender: true },
  }),
];

const LIMITED: readonly Personality[] = [
  refusal(
    "rate-banner",
    "rate_limited",
    "banner",
    "421 4.7.0 [{ip}] Too many connections from your address in the last hour; rate limited, try again later",
    { close: true },
  ),
  refusal(
    "rate-mail",
    "rate_limited",
    "mail",
    "421 4.7.28 Our system has detected an unusual rate of mail originating from your IP address; it has been temporarily rate limited",
    { close: true },
  ),
  refusal(
    "rate-rcpt",
    "rate_limited",
    "rcpt",
    "450 4.7.1 <{helo}>: Client host rejected: too many recipients in the last hour, rate limit exceeded",
  ),
  refusal(
    "rate-busy",
    "temporary_error",
    "rcpt",
    "450 4.2.1 The user you are trying to contact is receiving mail too quickly.",
    {
      also: ["rate_limited"],
    },
  ),
];

const POLICY: readonly Personality[] = [
  refusal("blanket-policy", "policy_rejected", "rcpt", "550 5.7.1 Message rejected due to local policy"),
  refusal("blanket-generic", "policy_rejected", "rcpt", "550 Requested action not taken"),
  refusal("policy-mail", "policy_rejected", "mail", "554 5.7.1 Message rejected by the local policy of this site"),
  refusal("relay-denied", "relay_denied", "rcpt", "550 5.7.1 <{addr}>... Relaying denied"),
  personality({
    name: "empty",
    description: "a domain without users: one generic refusal for all but postmaster",
    box: {
      exists: { reply: "550 Requested action not taken", now: "mailbox_not_found" },
      unknown: { reply: "550 Requested action not taken", now: "mailbox_not_found" },
      gone: { reply: "550 Requested action not taken", now: "mailbox_not_found" },
    },
  }),
  personality({
    name: "ambiguous",
    description: "refuses unknown users with a text that could mean anything; only the contrast tells",
    box: {
      unknown: { reply: "550 5.7.1 Mail not accepted", now: "mailbox_not_found" },
      gone: { reply: "550 5.7.1 Mail not accepted", now: "mailbox_not_found" },
    },
  }),
  personality({
    name: "no-mail-521",
    description: "a host that takes no mail at all (RFC 7504)",
    script: { faults: [{ at: "banner", do: "close", text: "521 {host} does not accept mail" }] },
    outcome: { now: "no_mail_host" },
  }),
];

/** Refusals that are about the prober, and a few that only look so. */
export const SENDER_SIDE: readonly Personality[] = [...BLOCKLISTS, ...IDENTITY, ...LIMITED, ...POLICY];
