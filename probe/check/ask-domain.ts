import { providerOfMx } from "../../shared/providers/index.ts";
import type { SourceAddress } from "../config.ts";
import { addressesOf, type HostAddresses } from "../dns/mx.ts";
import { askHost } from "./ask.ts";
import type { Group } from "./group.ts";
import { hasOptedOut, type Route } from "./resolve.ts";
import { bareFinding, conclude, note, type Subject } from "./subject.ts";
import type { Surroundings } from "./visit-host.ts";

export type DomainQuestion = {
  readonly around: Surroundings;
  readonly group: Group;
  readonly route: Route;
  readonly source: SourceAddress;
  readonly senderText: string;
  readonly urgent: boolean;
};

/** What the search has met so far. */
type Search = {
  asked: number;
  refusedAll: number;
  absent: number;
  unroutable: number;
  dnsErrors: number;
  families: number;
};

/**
 * Goes through a domain's mail hosts in order of preference. The first host that speaks about recipients decides;
 * a host that cannot be reached, or breaks off, gives way to the next.
 */
export async function askDomain(question: DomainQuestion, subjects: readonly Subject[]): Promise<void> {
  const { around, group, route } = question;
  const search: Search = { asked: 0, refusedAll: 0, absent: 0, unroutable: 0, dnsErrors: 0, families: 0 };
  let left: readonly Subject[] = subjects;
  for (const host of route.hosts) {
    if (left.length === 0 || group.cancelled) return;
    const [found, optedOut] = await Promise.all([
      addressesOf(around.resolver, host.name, around.reach),
      hasOptedOut(around.resolver, host.name),
    ]);
    if (found.kind !== "addresses") {
      countAbsent(search, found);
      continue;
    }
    if (optedOut) {
      for (const subject of left) conclude(subject, bareFinding("opted_out", "opt-out-of-host"), null);
      return;
    }
    search.asked += 1;
    const answer = await askOne(question, host.name, found.addresses, left);
    left = answer.left;
    if (answer.takesNoMail) search.refusedAll += 1;
  }
  for (const subject of left) concludeAbsence(subject, search);
}

function askOne(question: DomainQuestion, name: string, addresses: readonly string[], left: readonly Subject[]) {
  const { around, group, source, urgent, senderText } = question;
  const provider = providerOfMx(name);
  const target = { name, addresses, source: source.address, helo: source.helo };
  const speaker = {
    host: name,
    provider: provider?.id ?? null,
    helo: source.helo,
    sender: senderText,
    source: source.address === "any" ? null : source.address,
  };
  return askHost({ around, group, target, provider, speaker, urgent }, left);
}

function countAbsent(search: Search, found: Exclude<HostAddresses, { kind: "addresses" }>): void {
  switch (found.kind) {
    case "none":
      search.absent += 1;
      break;
    case "unroutable":
      search.unroutable += 1;
      break;
    case "unreachable_family":
      search.families += 1;
      break;
    case "dns_error":
      search.dnsErrors += 1;
      break;
  }
}

/** Nobody spoke about the recipient. What is missing everywhere is a fact about the domain; trouble is only trouble. */
function concludeAbsence(subject: Subject, search: Search): void {
  const { asked, refusedAll, absent, unroutable, dnsErrors, families } = search;
  if (dnsErrors > 0) note(subject, bareFinding("dns_error", "mx-host-dns-error"), "dns");
  if (families > 0) note(subject, bareFinding("connect_failed", "no-common-address-family"), "connect");
  if (asked > 0 && refusedAll === asked && dnsErrors + families === 0) {
    // RFC 7504: every host that there is says that it takes no mail.
    conclude(subject, bareFinding("no_mail_host", "every-host-refuses-mail"), null);
  } else if (refusedAll > 0) note(subject, bareFinding("connect_failed", "host-takes-no-mail"), "connect");
  if (asked + dnsErrors + families > 0) return;
  if (unroutable > 0) conclude(subject, bareFinding("unroutable_ip", "mx-not-public"), null);
  else if (absent > 0) conclude(subject, bareFinding("no_mail_host", "mx-without-address"), null);
}
