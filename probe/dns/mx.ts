import { isIP } from "node:net";
import { HOST_ADDRESSES_MAX, MX_HOSTS_MAX } from "../limits.ts";
import type { MxRecord } from "./message.ts";
import type { Reach } from "./reachable.ts";
import type { Resolver } from "./resolver.ts";

/** A host to ask, and its place: hosts of one `rank` are equals. */
export type MxHost = { readonly name: string; readonly rank: number; readonly preference: number };

/** Where mail for a domain goes, or why it goes nowhere. */
export type MxPlan =
  | { readonly kind: "hosts"; readonly hosts: readonly MxHost[]; readonly implicit: boolean }
  | { readonly kind: "domain_not_found" | "null_mx" | "no_mail_host" }
  | { readonly kind: "dns_error"; readonly detail: string };

/** The addresses of one host, best family first, or why there are none. */
export type HostAddresses =
  | { readonly kind: "addresses"; readonly addresses: readonly string[] }
  | { readonly kind: "none" | "unroutable" | "unreachable_family" }
  | { readonly kind: "dns_error"; readonly detail: string };

/**
 * Plans the delivery of mail to a domain by RFC 5321 5.1: MX records by preference, equals in random order, the
 * domain itself when it has none; a null MX (RFC 7505) ends the search.
 * @param domain lower-case A-label name, or an address literal in brackets
 * @param random 0..1, shuffles equals
 */
export async function planMx(resolver: Resolver, domain: string, random: () => number): Promise<MxPlan> {
  if (domain.startsWith("["))
    return { kind: "hosts", hosts: [{ name: domain, rank: 0, preference: 0 }], implicit: true };
  const answer = await resolver.query(domain, "MX");
  switch (answer.kind) {
    case "records":
      return hostsOf(answer.records, random);
    case "nxdomain":
      return { kind: "domain_not_found" };
    case "nodata":
      return implicitHost(resolver, domain);
    case "servfail":
    case "lame":
    case "timeout":
    case "malformed":
      return { kind: "dns_error", detail: answer.kind };
  }
}

function hostsOf(records: readonly MxRecord[], random: () => number): MxPlan {
  const real = records.filter((record) => record.exchange !== "" && record.exchange !== ".");
  if (real.length === 0) return { kind: "null_mx" };
  const shuffled = real.map((record) => ({ record, order: random() }));
  shuffled.sort((a, b) => a.record.preference - b.record.preference || a.order - b.order);
  const hosts: MxHost[] = [];
  for (const { record } of shuffled) {
    if (hosts.length >= MX_HOSTS_MAX) break;
    if (hosts.some((host) => host.name === record.exchange)) continue;
    const last = hosts.at(-1);
    const rank = last === undefined ? 0 : last.rank + (last.preference === record.preference ? 0 : 1);
    hosts.push({ name: record.exchange, rank, preference: record.preference });
  }
  return { kind: "hosts", hosts, implicit: false };
}

/** RFC 5321 5.1: without MX records the domain's own address is the mail host. */
async function implicitHost(resolver: Resolver, domain: string): Promise<MxPlan> {
  const [v4, v6] = await Promise.all([resolver.query(domain, "A"), resolver.query(domain, "AAAA")]);
  if (v4.kind === "records" || v6.kind === "records") {
    return { kind: "hosts", hosts: [{ name: domain, rank: 0, preference: 0 }], implicit: true };
  }
  if (v4.kind === "nxdomain" || v6.kind === "nxdomain") return { kind: "domain_not_found" };
  if (v4.kind === "nodata" && v6.kind === "nodata") return { kind: "no_mail_host" };
  return { kind: "dns_error", detail: v4.kind === "nodata" ? v6.kind : v4.kind };
}

const LITERAL = /^\[(?:ipv6:)?([0-9a-f:.]+)\]$/i;

/**
 * The addresses of a mail host that may be dialled: IPv4 first, then IPv6 when this machine has it. Every address
 * passes the guard, whether it came from the DNS or stood in the mail address.
 */
export async function addressesOf(resolver: Resolver, host: string, reach: Reach): Promise<HostAddresses> {
  const literal = LITERAL.exec(host)?.[1];
  if (literal !== undefined) return vetted([literal], [], reach);
  // RFC 5321 5.1 wants a name here; an MX record that holds an address literal names no host.
  if (isIP(host) !== 0) return { kind: "none" };
  const asking = reach.ipv6 === "global" ? resolver.query(host, "AAAA") : null;
  const v4 = await resolver.query(host, "A");
  if (v4.kind === "records" && asking === null) return vetted(v4.records, [], reach);
  const v6 = await (asking ?? resolver.query(host, "AAAA"));
  const fours = v4.kind === "records" ? v4.records : [];
  const sixes = v6.kind === "records" ? v6.records : [];
  if (fours.length + sixes.length > 0) return vetted(fours, sixes, reach);
  const absent = (kind: string): boolean => kind === "nodata" || kind === "nxdomain";
  if (v4.kind === "nxdomain" || v6.kind === "nxdomain" || (absent(v4.kind) && absent(v6.kind))) return { kind: "none" };
  return { kind: "dns_error", detail: absent(v4.kind) ? v6.kind : v4.kind };
}

function vetted(fours: readonly string[], sixes: readonly string[], reach: Reach): HostAddresses {
  const all = [...fours, ...sixes].filter(reach.mayDial);
  if (all.length === 0) return { kind: "unroutable" };
  const usable = all.filter((ip) => isIP(ip) === 4 || reach.ipv6 !== "none");
  if (usable.length === 0) return { kind: "unreachable_family" };
  return { kind: "addresses", addresses: usable.slice(0, HOST_ADDRESSES_MAX) };
}
