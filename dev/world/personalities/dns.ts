import type { Outcome, Personality, Zone, ZoneMaker } from "../types.ts";
import { onBackup, POSTFIX_BOX, personality, takesAll } from "./define.ts";

/** A domain whose DNS decides the verdict; its host only shows mistakes. */
function decided(name: string, description: string, zone: ZoneMaker, outcome: Outcome): Personality {
  return personality({ name, description, zone, outcome });
}

const at = (exchange: string, preference = 10) => ({ preference, exchange });

/** The MX set replaced by one name below the domain, which DNS describes so. */
const mxBelow =
  (below: Zone): ZoneMaker =>
  ({ domain }) => ({ mx: [at(`mx.${domain}`)], below: { mx: below } });

const NO_HOST: Outcome = { now: "no_mail_host" };
const PRIVATE: Outcome = { now: "unroutable_ip", also: ["no_mail_host", "connect_failed"] };
const DNS_ERROR: Outcome = { now: "dns_error" };

const UNDECIDABLE: readonly Personality[] = [
  decided(
    "null-mx",
    "null MX (RFC 7505), although there is an address",
    ({ addresses }) => ({ mx: [at(".", 0)], a: addresses }),
    {
      now: "null_mx",
    },
  ),
  decided("nxdomain", "does not exist", () => ({ fail: "nxdomain" }), { now: "domain_not_found" }),
  decided("nodata", "exists, with neither MX nor address", () => ({ txt: ["v=spf1 -all"] }), NO_HOST),
  decided("servfail", "SERVFAIL", () => ({ fail: "servfail" }), DNS_ERROR),
  decided("refused", "REFUSED", () => ({ fail: "refused" }), DNS_ERROR),
  decided("lame", "a server that refers elsewhere", () => ({ fail: "lame" }), DNS_ERROR),
  { ...decided("dns-timeout", "DNS never answers", () => ({ fail: "timeout" }), DNS_ERROR), slow: true },
  decided(
    "cname-loop",
    "a CNAME that leads back",
    ({ domain }) => ({ cname: `loop.${domain}`, below: { loop: { cname: domain } } }),
    DNS_ERROR,
  ),
  decided("mx-nxdomain", "its MX does not exist", ({ domain }) => ({ mx: [at(`missing.${domain}`)] }), NO_HOST),
  decided("mx-no-address", "its MX have no address", mxBelow({ txt: ["nobody home"] }), NO_HOST),
  decided(
    "mx-literal",
    "its MX is an address in words",
    ({ addresses }) => ({ mx: [at(addresses[0] ?? "127.0.0.1")] }),
    NO_HOST,
  ),
  decided("mx-servfail", "SERVFAIL for its MX host", mxBelow({ fail: "servfail" }), DNS_ERROR),
  { ...decided("mx-private", "MX at 10.0.0.1", mxBelow({ a: ["10.0.0.1"] }), PRIVATE), unsafe: true },
  { ...decided("mx-link-local", "MX at 169.254.10.1", mxBelow({ a: ["169.254.10.1"] }), PRIVATE), unsafe: true },
  { ...decided("mx-mapped", "MX at ::ffff:10.0.0.1", mxBelow({ aaaa: ["::ffff:10.0.0.1"] }), PRIVATE), unsafe: true },
  decided(
    "optout",
    "opted out of verification by TXT",
    ({ mx }) => ({ mx, below: { _mailsonar: { txt: ["probe=no"] } } }),
    { now: "opted_out" },
  ),
];

const OPTED_OUT: readonly Personality[] = [
  personality({
    name: "optout-operator",
    description: "the operator above its mail host opted out of verification",
    domains: ["shy-mail-hosting.net"],
    hosts: [{ name: "mx1.eu.shy-mail-hosting.net" }],
    zone: ({ domain, mx }) =>
      domain === "shy-mail-hosting.net" ? { mx, below: { _mailsonar: { txt: ["probe=no"] } } } : { mx },
    outcome: { now: "opted_out" },
  }),
];

const REACHABLE: readonly Personality[] = [
  personality({
    name: "implicit-mx",
    description: "no MX, an A record only",
    zone: ({ addresses }) => ({ a: addresses }),
  }),
  personality({
    name: "implicit-mx-reset",
    description: "no MX, and an A record of a host that refuses connections",
    hosts: [{ name: "mx", dead: "refused" }],
    zone: ({ addresses }) => ({ a: addresses }),
    outcome: { now: "connect_failed" },
  }),
  personality({
    name: "implicit-mx-aaaa",
    description: "no MX, an AAAA record only",
    hosts: [{ name: "mx", ipv6: true }],
    zone: ({ addresses }) => ({ aaaa: addresses }),
    box: {
      exists: { ...POSTFIX_BOX.exists, also: ["connect_failed"] },
      unknown: { ...POSTFIX_BOX.unknown, also: ["connect_failed"] },
      gone: { ...POSTFIX_BOX.gone, also: ["connect_failed"] },
    },
  }),
  personality({
    name: "truncated",
    description: "MX only over TCP, because UDP answers are truncated",
    zone: ({ mx }) => ({ mx, truncate: true }),
  }),
  personality({
    name: "many-mx",
    description: "thirty MX; all but the best do not exist",
    zone: ({ mx, domain }) => ({
      mx: [...mx, ...Array.from({ length: 29 }, (_, i) => at(`backup${i}.${domain}`, 20 + i))],
    }),
  }),
  personality({
    name: "cname",
    description: "the domain is a CNAME",
    zone: ({ mx, domain }) => ({ cname: `canonical.${domain}`, below: { canonical: { mx } } }),
  }),
  personality({
    name: "mx-cname",
    description: "the MX is a CNAME, which RFC 2181 forbids and the world does",
    zone: ({ mx, domain }) => ({
      mx: [at(`alias.${domain}`)],
      below: { alias: { cname: mx[0]?.exchange ?? domain } },
    }),
  }),
  personality({
    name: "mx-half",
    description: "the best MX does not exist, the second works",
    zone: ({ mx, domain }) => ({ mx: [at(`missing.${domain}`, 5), ...mx] }),
  }),
];

const SEVERAL: readonly Personality[] = [
  personality({
    name: "equal-mx",
    description: "three MX of equal preference",
    hosts: [{ name: "mx1" }, { name: "mx2" }, { name: "mx3" }],
  }),
  personality({
    name: "dead-first",
    description: "the best MX refuses connections, the second works",
    hosts: [
      { name: "mx1", preference: 5, dead: "refused" },
      { name: "mx2", preference: 10 },
    ],
  }),
  {
    ...personality({
      name: "blackhole-first",
      description: "the best MX swallows connections, the second works",
      hosts: [
        { name: "mx1", preference: 5, dead: "blackhole" },
        { name: "mx2", preference: 10 },
      ],
    }),
    slow: true,
  },
  personality({
    name: "dead-all",
    description: "all MX refuse connections",
    hosts: [
      { name: "mx1", dead: "refused" },
      { name: "mx2", dead: "refused" },
    ],
    outcome: { now: "connect_failed" },
  }),
  {
    ...personality({
      name: "blackhole",
      description: "the only MX swallows connections",
      hosts: [{ name: "mx", dead: "blackhole" }],
      outcome: { now: "connect_failed", also: ["timeout"] },
    }),
    slow: true,
  },
  personality({
    name: "dead-first-backup-catchall",
    description: "the best MX refuses connections; the backup takes everybody",
    hosts: [
      { name: "mx1", preference: 5, dead: "refused" },
      { name: "mx2", preference: 10 },
    ],
    box: takesAll("250 2.1.5 Ok", "catch_all"),
  }),
  personality({
    name: "backup-catchall",
    description: "the best MX knows its users; the backup takes everybody",
    hosts: [
      { name: "mx1", preference: 5 },
      { name: "mx2", preference: 10, box: takesAll("250 2.1.5 Ok", "catch_all") },
    ],
  }),
  personality({
    name: "421-first",
    description: "the best MX says 421, the second works",
    hosts: [
      {
        name: "mx1",
        preference: 5,
        script: { faults: [{ at: "banner", do: "close", text: "421 4.3.2 {host} too busy" }] },
      },
      { name: "mx2", preference: 10 },
    ],
  }),
  personality({
    name: "554-first",
    description: "the best MX greets with 554, the second works",
    hosts: [
      {
        name: "mx1",
        preference: 5,
        script: { faults: [{ at: "banner", do: "close", text: "554 {host} No SMTP service here" }] },
      },
      { name: "mx2", preference: 10 },
    ],
  }),
  personality({
    name: "tempfail-first",
    description: "the best MX puts everybody off with a 451, the second works",
    hosts: [
      {
        name: "mx1",
        preference: 5,
        script: {
          faults: [{ at: "rcpt", do: "reply", text: "451 4.3.2 Server is being maintained, try again later" }],
        },
      },
      { name: "mx2", preference: 10 },
    ],
    box: onBackup(POSTFIX_BOX),
  }),
  personality({
    name: "tempfail-first-dead",
    description: "the best MX puts everybody off with a 451, the second refuses connections",
    hosts: [
      {
        name: "mx1",
        preference: 5,
        script: {
          faults: [{ at: "rcpt", do: "reply", text: "451 4.3.2 Server is being maintained, try again later" }],
        },
      },
      { name: "mx2", preference: 10, dead: "refused" },
    ],
    outcome: { now: "temporary_error" },
  }),
  personality({
    name: "tls-first",
    description: "the best MX demands TLS and cannot do it, the second works",
    hosts: [
      {
        name: "mx1",
        preference: 5,
        script: { tls: "unavailable", tlsRequired: "530 5.7.0 Must issue a STARTTLS command first" },
      },
      { name: "mx2", preference: 10 },
    ],
    box: onBackup(POSTFIX_BOX),
  }),
  personality({
    name: "disagree",
    description: "two equal MX, of which one knows nobody but postmaster",
    hosts: [
      { name: "mx1" },
      { name: "mx2", box: { exists: { ...POSTFIX_BOX.unknown }, forwarded: { ...POSTFIX_BOX.unknown } } },
    ],
    box: {
      exists: { ...POSTFIX_BOX.exists, now: "inconsistent", also: ["accepted"] },
      forwarded: { ...POSTFIX_BOX.forwarded, now: "inconsistent", also: ["accepted"] },
      grey: { ...POSTFIX_BOX.grey, also: ["accepted", "inconsistent"] },
    },
  }),
  personality({
    name: "parked",
    description: "MX at a parking operator",
    hosts: [{ name: "park-mx.above.com" }],
    box: takesAll("250 2.1.5 Ok", "catch_all"),
    outcome: { now: "mx_parked", also: ["catch_all"] },
  }),
  personality({
    name: "parked-ns",
    description: "no MX, and name servers of a parking operator",
    zone: ({ addresses }) => ({ a: addresses, ns: ["ns1.sedoparking.com", "ns2.sedoparking.com"] }),
    outcome: { now: "mx_parked" },
  }),
  personality({
    name: "parked-ns-catchall",
    description: "name servers of a parking operator, and an MX that takes everybody",
    zone: ({ mx }) => ({ mx, ns: ["ns1.bodis.com"] }),
    box: takesAll("250 2.1.5 Ok", "catch_all"),
    outcome: { now: "mx_parked" },
  }),
  personality({
    name: "parked-ns-mail",
    description: "name servers of a parking operator, and an MX that knows its users: somebody lives there",
    zone: ({ mx }) => ({ mx, ns: ["ns1.bodis.com"] }),
  }),
  personality({
    name: "disposable-mx",
    description: "an unlisted domain whose MX belongs to a disposable-mail operator",
    hosts: [{ name: "mail.mailinator.com" }],
    box: takesAll("250 2.1.5 Ok", "catch_all"),
    outcome: { now: "disposable", also: ["catch_all"] },
  }),
];

/** Domains told apart by their DNS and by which of their hosts live. */
export const DNS: readonly Personality[] = [...UNDECIDABLE, ...OPTED_OUT, ...REACHABLE, ...SEVERAL];
