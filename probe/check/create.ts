import { isIP } from "node:net";
import { addressFacts, knownDomains } from "../../shared/address/facts.ts";
import { providerById } from "../../shared/providers/index.ts";
import { decidableAtEdge } from "../../shared/verdict/reasons.ts";
import type { ChunkItem } from "../../shared/wire/frames.ts";
import { ANY_SOURCE, type ProbeConfig, type SourceAddress } from "../config.ts";
import { createReach } from "../dns/reachable.ts";
import { createResolver, type Resolver } from "../dns/resolver.ts";
import { PaceBook, type PaceKey } from "../pace/book.ts";
import { PROFILES, type Profile } from "../pace/profile.ts";
import { pathOf, plainPath } from "../smtp/path.ts";
import { Pool } from "../smtp/pool.ts";
import { askDomain } from "./ask-domain.ts";
import type { Checker, CheckerOptions, CheckerStats, CheckOutcome } from "./checker.ts";
import { VisitBook } from "./citizen.ts";
import { Group } from "./group.ts";
import { HostBook } from "./host-book.ts";
import { LiveMailboxes } from "./live-mailbox.ts";
import { allowRuleOf, outcomeOf } from "./outcome.ts";
import { type DomainMemory, findingOfPast, metAt } from "./past.ts";
import { PortWatch } from "./port-watch.ts";
import { type Route, resolveRoute } from "./resolve.ts";
import { bareFinding, conclude, createSubject, note, type Subject } from "./subject.ts";
import type { Surroundings } from "./visit-host.ts";
import { askInPortions, withinCaps } from "./within-caps.ts";

/** What the composition root may put in place of the real things. */
export type CheckerDeps = {
  /** In place of the one that `PROBE_PACE` names. */
  readonly profile?: Profile;
  readonly now?: () => number;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly resolver?: Resolver;
  /** False for a source address that an operator has taken out of service. */
  readonly mayUse?: (source: string) => boolean;
  /** Paces and counts that outlive the process; without them those of a new probe. */
  readonly paces?: { readonly book: PaceBook; readonly visits: VisitBook };
  /** What the fleet remembers of domains; nothing unless given. */
  readonly memory?: DomainMemory;
  /** Told each line of a dialogue while a check with `transcript` runs. */
  readonly transcript?: (host: string, direction: ">" | "<", text: string) => void;
};

type Tell = (item: ChunkItem, outcome: CheckOutcome) => void;

/** The prober: takes items, gives verdicts. One per process; everything it holds is bounded and goes with `close`. */
export function createChecker(config: ProbeConfig, deps: CheckerDeps = {}): Checker {
  return new MailChecker(config, deps);
}

class MailChecker implements Checker {
  readonly #config: ProbeConfig;
  readonly #around: Surroundings;
  readonly #now: () => number;
  readonly #mayUse: (source: string) => boolean;
  readonly #memory: DomainMemory | null;
  readonly #visits: VisitBook;
  #running = 0;
  #checked = 0;
  #deferred = 0;
  #transcripts = 0;

  constructor(config: ProbeConfig, deps: CheckerDeps) {
    this.#config = config;
    this.#now = deps.now ?? Date.now;
    this.#mayUse = deps.mayUse ?? (() => true);
    this.#memory = deps.memory ?? null;
    this.#visits = deps.paces?.visits ?? new VisitBook(config.caps);
    const profile = deps.profile ?? PROFILES[config.pace];
    const sender = plainPath(config.mailFrom);
    if (sender === null) throw new Error("the sender address cannot stand in a command");
    const { transcript } = deps;
    this.#around = {
      resolver: deps.resolver ?? createResolver({ servers: config.dnsServers, now: this.#now }),
      reach: createReach(config.allowPrivateNetworks),
      pool: new Pool({
        profile,
        port: config.smtpPort,
        idleMax: config.poolSize,
        idleMs: config.poolIdleMs,
        now: this.#now,
        record:
          transcript === undefined
            ? null
            : (host, direction, text) => {
                if (this.#transcripts > 0) transcript(host, direction, text);
              },
      }),
      book: new HostBook(),
      profile,
      now: this.#now,
      random: deps.random ?? Math.random,
      controlSecret: config.controlSecret,
      canaries: config.canaries,
      live: new LiveMailboxes(config.liveMailboxes),
      sender,
      nullSender: config.nullSender,
      port: new PortWatch(),
      pace:
        deps.paces?.book ??
        new PaceBook(profile, this.#now, {
          warmSinceMs: config.warmSinceMs,
          hostUnknownPerHour: config.caps.hostUnknownPerHour,
        }),
    };
  }

  async checkMany(items: readonly ChunkItem[], options: CheckerOptions, on: Tell): Promise<void> {
    const call = new Call(items, options, (item, outcome) => {
      this.#running -= 1;
      this.#checked += 1;
      if (outcome.kind === "deferred") this.#deferred += 1;
      on(item, outcome);
    });
    this.#running += items.length;
    this.#transcripts += options.transcript ? 1 : 0;
    const onAbort = (): void => call.abandon();
    options.signal.addEventListener("abort", onAbort);
    const timer = this.#deadline(call, options);
    try {
      if (!options.signal.aborted) await Promise.all(this.#begin(call).map((group) => this.#check(call, group)));
    } finally {
      if (timer !== null) clearTimeout(timer);
      options.signal.removeEventListener("abort", onAbort);
      this.#transcripts -= options.transcript ? 1 : 0;
      this.#running -= call.untold;
    }
  }

  stats(): CheckerStats {
    const { pool, resolver, book } = this.#around;
    return {
      running: this.#running,
      checked: this.#checked,
      deferred: this.#deferred,
      connections: pool.stats(),
      dns: resolver.stats(),
      catchAll: book.stats(),
      breakers: this.#around.pace.paused(),
    };
  }

  async close(): Promise<void> {
    await this.#around.pool.close();
    this.#around.resolver.close();
  }

  /** Answers what the text decides, and groups the rest by domain. */
  #begin(call: Call): readonly Group[] {
    const groups = new Map<string, Group>();
    const known = knownDomains();
    for (const item of call.items) {
      const facts = addressFacts(item.email, undefined, known);
      const path = facts.address === null ? null : pathOf(facts.address);
      const subject = createSubject(item, facts, path);
      const domain = facts.address?.domain;
      if (
        call.options.mode === "edge" ||
        domain === undefined ||
        path === null ||
        decidableAtEdge(facts, allowRuleOf(item, call.options), false)
      ) {
        this.#tell(call, subject, ANY_SOURCE);
        continue;
      }
      let group = groups.get(domain);
      if (group === undefined) {
        group = new Group(domain, call.options.transcript);
        groups.set(domain, group);
        call.groups.add(group);
      }
      if (group.transcript !== null) subject.transcript = { own: [], shared: group.transcript };
      group.subjects.push(subject);
    }
    return [...groups.values()];
  }

  /** The steps for one domain, in order: resolve, ask, decide. */
  async #check(call: Call, group: Group): Promise<void> {
    const { options } = call;
    const route = await resolveRoute(this.#around.resolver, group.domain, this.#around.random);
    const source = this.#sourceFor(group.domain, route, options.source);
    for (const subject of group.subjects) applyRoute(subject, route);
    if (route.finding === null && options.mode === "full" && !this.#standsDown(group, route, options)) {
      await this.#ask(group, route, source, options.realTime);
    }
    await this.#recall(group, route);
    call.groups.delete(group);
    if (group.cancelled) return;
    for (const subject of group.subjects) this.#tell(call, subject, source?.address ?? ANY_SOURCE);
  }

  /** Third step of a check: what other visits of the fleet make of this one. */
  async #recall(group: Group, route: Route): Promise<void> {
    if (this.#memory === null || group.cancelled) return;
    const met = metAt(group.subjects, route.implicit);
    if (met === "reached") this.#memory.reached(group.domain);
    if (met === null || met === "reached") return;
    const past = await this.#memory.troubled(group.domain, met);
    if (past === null) return;
    for (const subject of group.subjects) {
      const last = subject.findings.at(-1);
      const grown = last === undefined ? null : findingOfPast(met, past, last);
      if (grown !== null) conclude(subject, grown, null);
    }
  }

  async #ask(group: Group, route: Route, source: SourceAddress | null, urgent: boolean): Promise<void> {
    if (source === null) {
      for (const subject of group.subjects)
        note(subject, bareFinding("no_probe_available", "sources-quarantined"), null);
      return;
    }
    const otherSource = (family: 4 | 6): SourceAddress | null => this.#sourceFor(group.domain, route, null, family);
    const senderText = this.#config.mailFrom;
    const question = { around: this.#around, group, route, source, otherSource, senderText, urgent };
    const capped = this.#around.profile.capped;
    const subjects = capped ? withinCaps(group, this.#visits, this.#now()) : group.subjects;
    await (capped ? askInPortions(question, subjects) : askDomain(question, subjects));
  }

  /** Cases in which the host is left alone although its answer is not known. */
  #standsDown(group: Group, route: Route, options: CheckerOptions): boolean {
    if (route.parked) return true;
    const provider = route.provider === null ? null : providerById(route.provider);
    if (provider === null) return false;
    const { outlook } = this.#config;
    const forbidden = provider.sparing === true && (outlook === "off" || (outlook === "sparing" && !options.realTime));
    if (provider.truth !== "unverifiable" && !forbidden) return false;
    for (const subject of group.subjects)
      conclude(subject, bareFinding("provider_unverifiable", "provider-policy"), null);
    return true;
  }

  /** Null when every source address (of the family, if one is given) is out of use: then nobody is dialled. */
  #sourceFor(domain: string, route: Route, sticky: string | null, family?: 4 | 6): SourceAddress | null {
    const { pace } = this.#around;
    const provider = route.provider === null ? null : providerById(route.provider);
    const keyOf = (source: string): PaceKey => pace.key(provider, route.mx ?? domain, source);
    const sources = this.#config.sources.filter(
      ({ address }) =>
        (family === undefined || isIP(address) === family) && this.#mayUse(address) && !pace.isQuarantined(address),
    );
    return pace.chooseSource(sources, domain, sticky, keyOf);
  }

  #tell(call: Call, subject: Subject, source: string): void {
    const context = { profile: this.#around.profile, region: this.#config.region, source };
    call.tell(subject.item, outcomeOf(subject, call.options, context, this.#now()));
  }

  /** At the deadline what is known by then has to do. */
  #deadline(call: Call, options: CheckerOptions): NodeJS.Timeout | null {
    if (options.deadlineMs === null) return null;
    const late: CheckerOptions = { ...options, finalOnly: true };
    return setTimeout(
      () => {
        for (const group of call.groups) {
          group.cancel();
          for (const subject of group.subjects) {
            if (subject.findings.length === 0) note(subject, bareFinding("timeout", "deadline"), "connect");
            const context = {
              profile: this.#around.profile,
              region: this.#config.region,
              source: ANY_SOURCE,
              coolDownMs: 0,
            };
            call.tell(subject.item, outcomeOf(subject, late, context, this.#now()));
          }
        }
        call.groups.clear();
      },
      Math.max(0, options.deadlineMs - this.#now()),
    );
  }
}

/** One call of `checkMany`: which items have been answered, which groups are under way. */
class Call {
  readonly items: readonly ChunkItem[];
  readonly options: CheckerOptions;
  readonly groups = new Set<Group>();
  readonly #on: Tell;
  #told = 0;
  #abandoned = false;

  constructor(items: readonly ChunkItem[], options: CheckerOptions, on: Tell) {
    this.items = items;
    this.options = options;
    this.#on = on;
  }

  get untold(): number {
    return this.items.length - this.#told;
  }

  tell(item: ChunkItem, outcome: CheckOutcome): void {
    if (this.#abandoned) return;
    this.#told += 1;
    this.#on(item, outcome);
  }

  abandon(): void {
    this.#abandoned = true;
    for (const group of this.groups) group.cancel();
  }
}

function applyRoute(subject: Subject, route: Route): void {
  subject.mx = route.mx;
  subject.provider = route.provider;
  subject.parked = route.parked;
  subject.disposableMx = route.disposableMx;
  if (route.finding !== null) conclude(subject, route.finding, route.retry);
}
