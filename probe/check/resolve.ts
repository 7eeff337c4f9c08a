import { isDisposableMxHost, isParkingHost, isParkingNameServer } from "../../shared/lists/lists.ts";
import { providerOfMx } from "../../shared/providers/index.ts";
import type { RetryClass } from "../../shared/reply/types.ts";
import type { Finding } from "../../shared/verdict/types.ts";
import { type MxHost, planMx } from "../dns/mx.ts";
import type { Resolver } from "../dns/resolver.ts";
import { OPT_OUT_WAIT_MS } from "../limits.ts";
import { bareFinding } from "./subject.ts";

/** Where to ask about a domain, or what its DNS alone says. */
export type Route = {
  readonly hosts: readonly MxHost[];
  readonly implicit: boolean;
  /** What DNS decides for every address of the domain; null when a host has to be asked. */
  readonly finding: Finding | null;
  readonly retry: RetryClass | null;
  readonly mx: string | null;
  readonly provider: string | null;
  readonly parked: boolean;
  readonly disposableMx: boolean;
};

/** First step of a check: the MX plan, the domain's opt-out, and whose hosts they are. */
export async function resolveRoute(resolver: Resolver, domain: string, random: () => number): Promise<Route> {
  const literal = domain.startsWith("[");
  const [plan, optedOut] = await Promise.all([
    planMx(resolver, domain, random),
    literal ? Promise.resolve(false) : hasOptedOut(resolver, domain),
  ]);
  if (optedOut) return decided(bareFinding("opted_out", "opt-out-record"), null);
  if (plan.kind === "dns_error") return decided(bareFinding("dns_error", `dns-${plan.detail}`), "dns");
  if (plan.kind !== "hosts") return decided(bareFinding(plan.kind, plan.kind.replaceAll("_", "-")), null);
  const { hosts, implicit } = plan;
  const mx = hosts[0]?.name ?? null;
  // Where mail would go to the domain's own address, that of a parking operator is a page of advertisements.
  const parked =
    hosts.some((host) => isParkingHost(host.name)) || (implicit && (await hasParkingNameServers(resolver, domain)));
  return {
    hosts,
    implicit,
    finding: null,
    retry: null,
    mx,
    provider: mx === null ? null : (providerOfMx(mx)?.id ?? null),
    parked,
    disposableMx: hosts.some((host) => isDisposableMxHost(host.name)),
  };
}

const decided = (finding: Finding, retry: RetryClass | null): Route => ({
  hosts: [],
  implicit: false,
  finding,
  retry,
  mx: null,
  provider: null,
  parked: false,
  disposableMx: false,
});

/** Names above a domain that are looked at for its name servers: a host name's zone begins a label or two further up. */
const ZONE_STEPS_MAX = 3;

/**
 * Whether the name servers of a domain's zone belong to a parking operator. Asked only where it makes a difference:
 * without an MX, or where the host takes anybody. A domain whose host knows its users is lived in.
 */
export async function hasParkingNameServers(resolver: Resolver, domain: string): Promise<boolean> {
  let name = domain.startsWith("[") ? "" : domain;
  for (let step = 0; step < ZONE_STEPS_MAX && name.includes("."); step += 1) {
    const answer = await resolver.query(name, "NS");
    if (answer.kind === "records") return answer.records.some(isParkingNameServer);
    if (answer.kind !== "nodata") return false;
    name = name.slice(name.indexOf(".") + 1);
  }
  return false;
}

/** Names above a mail host's at which its operator may speak for all its hosts. */
const OPERATOR_STEPS_MAX = 3;

/** MAIL.md 7, E2: the host, or the operator above it (`example.net` for `mx1.eu.example.net`), asks not to be probed. */
export async function hasHostOptedOut(resolver: Resolver, host: string): Promise<boolean> {
  const names = [host];
  for (let name = host; names.length <= OPERATOR_STEPS_MAX; ) {
    name = name.slice(name.indexOf(".") + 1);
    if (host.startsWith("[") || !name.includes(".")) break;
    names.push(name);
  }
  return (await Promise.all(names.map((name) => hasOptedOut(resolver, name)))).includes(true);
}

/**
 * A domain asks not to be probed: TXT `_mailsonar.<name>` with `probe=no`. Name servers that never answer such a
 * question do not hold the check up for long.
 */
async function hasOptedOut(resolver: Resolver, name: string): Promise<boolean> {
  const waited = Promise.withResolvers<null>();
  const timer = setTimeout(waited.resolve, OPT_OUT_WAIT_MS, null);
  const answer = await Promise.race([resolver.query(`_mailsonar.${name}`, "TXT"), waited.promise]);
  clearTimeout(timer);
  return answer?.kind === "records" && answer.records.some((text) => /(?:^|[\s;])probe=no(?:$|[\s;])/i.test(text));
}
