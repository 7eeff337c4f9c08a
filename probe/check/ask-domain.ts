import { type Provider, providerOfMx } from "../../shared/providers/index.ts";
import { ANY_SOURCE, type SourceAddress } from "../config.ts";
import { addressesOf, type HostAddresses, type MxHost } from "../dns/mx.ts";
import { askHost } from "./ask.ts";
import { BACKUP_WEIGHT } from "./control.ts";
import { closeDoubts, type Doubt, doubtOf, weigh } from "./equals.ts";
import type { Group } from "./group.ts";
import { hasHostOptedOut, type Route } from "./resolve.ts";
import { Aside } from "./statement.ts";
import { bareFinding, conclude, note, type Subject } from "./subject.ts";
import type { Surroundings } from "./visit-host.ts";
import { type Way, wayTo } from "./way.ts";

export type DomainQuestion = {
  readonly around: Surroundings;
  readonly group: Group;
  readonly route: Route;
  readonly source: SourceAddress;
  /** A fit source address of the other family, for hosts that have no address of the first one's. */
  readonly otherSource: (family: 4 | 6) => SourceAddress | null;
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

/** A mail host with its way, its operator, and what its word about a control weighs. */
type Candidate = {
  readonly host: MxHost;
  readonly way: Way;
  readonly provider: Provider | null;
  readonly weight: number;
};

/**
 * Goes through a domain's mail hosts in order of preference. The first host that speaks about recipients decides;
 * a host that cannot be reached, breaks off, or puts everybody off gives way to the next. Where hosts are equals, any
 * of them may be a sender's first: what one refuses is asked again at another before it condemns.
 */
export async function askDomain(question: DomainQuestion, subjects: readonly Subject[]): Promise<void> {
  const { around, group, route } = question;
  const search: Search = { asked: 0, refusedAll: 0, absent: 0, unroutable: 0, dnsErrors: 0, families: 0 };
  const doubts = new Map<Subject, Doubt>();
  const aside = new Aside();
  let left: readonly Subject[] = subjects;
  let before: Candidate | null = null;
  let best: MxHost | null = null;
  for (const [index, host] of route.hosts.entries()) {
    if (before !== null && before.host.rank !== host.rank) closeDoubts(doubts);
    if (left.length + doubts.size === 0 || group.cancelled) break;
    const [found, optedOut] = await Promise.all([
      addressesOf(around.resolver, host.name, around.reach),
      hasHostOptedOut(around.resolver, host.name),
    ]);
    // A name without a mail host behind it is nobody's best.
    if (found.kind !== "none" && found.kind !== "unroutable") best ??= host;
    const way = found.kind === "addresses" ? wayTo(question.source, found.addresses, question.otherSource) : null;
    if (way === null) {
      countAbsent(search, found);
      continue;
    }
    if (optedOut) {
      for (const subject of left) conclude(subject, bareFinding("opted_out", "opt-out-of-host"), null);
      left = [];
      break;
    }
    const provider = providerOfMx(host.name);
    const candidate: Candidate = { host, way, provider, weight: weightOf(host, provider, best) };
    const independent = before !== null && areIndependent(before, candidate);
    const doubtful = independent ? [...doubts.keys()] : [];
    const asked = new Set(independent ? left : left.filter((subject) => !aside.has(subject)));
    if (asked.size + doubtful.length === 0) continue;
    const answer = await askOne(question, candidate, [...asked, ...doubtful]);
    search.asked += 1;
    if (answer.takesNoMail) search.refusedAll += 1;
    for (const [subject, doubt] of doubts) {
      if (doubtful.includes(subject) && weigh(subject, doubt)) doubts.delete(subject);
    }
    const gone = new Set(answer.left);
    // A host that takes nobody's session is passed by: the next one is where senders come first as well.
    if (best === host && [...asked].every((subject) => gone.has(subject))) best = null;
    const further = new Set([...gone, ...answer.putOff]);
    if (route.hosts[index + 1]?.rank === host.rank) {
      for (const subject of asked) {
        const doubt = further.has(subject) ? null : doubtOf(subject);
        if (doubt !== null) doubts.set(subject, doubt);
      }
    }
    aside.compare(asked);
    aside.put(answer.putOff.filter((subject) => asked.has(subject)));
    left = left.filter((subject) => !asked.has(subject) || further.has(subject));
    before = candidate;
  }
  if (group.cancelled) return;
  closeDoubts(doubts);
  for (const subject of left) if (!aside.has(subject)) concludeAbsence(subject, search);
}

/** What a control is worth here: less than at the best host, unless both are one operator's and know the same users. */
function weightOf(host: MxHost, provider: Provider | null, best: MxHost | null): number {
  if (best === null || best.rank === host.rank) return 1;
  return provider !== null && providerOfMx(best.name)?.id === provider.id ? 1 : BACKUP_WEIGHT;
}

/** Hosts of one operator know the same users, and two names of one address are one host. */
function areIndependent(one: Candidate, other: Candidate): boolean {
  if (one.provider !== null && one.provider.id === other.provider?.id) return false;
  return !one.way.addresses.some((address) => other.way.addresses.includes(address));
}

function askOne(question: DomainQuestion, { host, way, provider, weight }: Candidate, subjects: readonly Subject[]) {
  const { around, group, urgent, senderText } = question;
  const { address, helo } = way.source;
  const target = { name: host.name, addresses: way.addresses, source: address, helo };
  const speaker = {
    host: host.name,
    provider: provider?.id ?? null,
    helo,
    sender: senderText,
    source: address === ANY_SOURCE ? null : address,
  };
  return askHost({ around, group, target, provider, speaker, urgent, weight }, subjects);
}

function countAbsent(search: Search, found: HostAddresses): void {
  switch (found.kind) {
    case "none":
      search.absent += 1;
      break;
    case "unroutable":
      search.unroutable += 1;
      break;
    // Addresses, but none that any of our sources could dial.
    case "addresses":
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
    conclude(
      subject,
      { ...bareFinding("no_mail_host", "every-host-refuses-mail"), reply: subject.noMail?.reply ?? null },
      null,
    );
  } else if (refusedAll > 0) note(subject, bareFinding("connect_failed", "host-takes-no-mail"), "connect");
  if (asked + dnsErrors + families > 0) return;
  if (unroutable > 0) conclude(subject, bareFinding("unroutable_ip", "mx-not-public"), null);
  else if (absent > 0) conclude(subject, bareFinding("no_mail_host", "mx-without-address"), null);
}
