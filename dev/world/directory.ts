import { DOMAIN_CACHE_MAX_ENTRIES } from "./limits.ts";
import { personalities } from "./personalities/registry.ts";
import type { DomainSpec, HostDefinition, MxRecord, Personality, Zone } from "./types.ts";

/** The suffix below which the catalogue's own domains live. */
export const WORLD_SUFFIX = "mailworld.net";

/** Where the local stack's prober sends from, and what it calls itself: an address, an MX, SPF and a PTR. */
export const PROBE_DOMAIN = "mailsonar.net";
export const PROBE_NAME = `probe-1.${PROBE_DOMAIN}`;

const NUMBERED = new RegExp(`^(.+)-(\\d{1,4})\\.${WORLD_SUFFIX.replace(".", "\\.")}$`);

/** A host that has an address; dead ones have one too. */
export type PlacedHost = {
  readonly name: string;
  readonly address: string;
  readonly personality: Personality;
  readonly definition: HostDefinition;
};

type Domain = { readonly personality: Personality; readonly zone: Zone };

/** Who is who: domains, their personalities and zones, and the hosts with their addresses. */
export class Directory {
  readonly #nextAddress: () => string;
  readonly #byName = new Map<string, Personality>();
  readonly #fixed = new Map<string, Domain>();
  readonly #generated = new Map<string, Domain | null>();
  readonly #names = new Map<string, Zone>();
  readonly #wildcards: { readonly suffix: string; readonly zone: Zone }[] = [];
  readonly #placed = new Map<Personality, PlacedHost[]>();

  /** `nextAddress` hands out loopback addresses, one per host. */
  constructor(nextAddress: () => string) {
    this.#nextAddress = nextAddress;
    this.#names.set(WORLD_SUFFIX, {});
    const policy = ["v=spf1 ip4:127.0.0.0/8 -all"];
    for (const name of [PROBE_NAME, `probe.${WORLD_SUFFIX}`]) {
      const mx = [{ preference: 10, exchange: PROBE_NAME }];
      this.#names.set(name, { a: ["127.0.0.1"], mx, txt: policy });
    }
    this.#names.set(reverseName("127.0.0.1"), { ptr: PROBE_NAME });
    for (const personality of personalities()) this.#place(personality);
    this.#placeProbeDomain(policy);
  }

  /** All hosts, dead ones included. */
  hosts(): PlacedHost[] {
    return [...this.#placed.values()].flat();
  }

  /** The personality of a mail domain (lower case, ASCII), or null when the world has no such domain. */
  personalityOf(domain: string): Personality | null {
    return this.#domain(domain)?.personality ?? null;
  }

  /** What DNS knows about a name (lower case); null means NXDOMAIN. */
  zone(name: string): Zone | null {
    const dot = name.indexOf(".");
    const parent = dot < 0 ? null : this.#domain(name.slice(dot + 1))?.zone;
    // What a personality's zone says of a name below it counts more than the address its host was given.
    const known = parent?.below?.[name.slice(0, dot)] ?? this.#names.get(name) ?? this.#domain(name)?.zone;
    if (known) return known;
    const wildcard = this.#wildcards.find(({ suffix }) => name.endsWith(suffix));
    if (wildcard) return wildcard.zone;
    return parent?.fail === undefined ? null : { fail: parent.fail };
  }

  /** Adds a domain; returns the hosts that have to be started for it. Throws when `like` names nobody. */
  add(spec: DomainSpec): PlacedHost[] {
    const base = this.#byName.get(spec.like ?? "postfix");
    if (!base) throw new Error(`no personality is called ${spec.like}`);
    const { zone, script, box, outcome, greylist } = spec;
    if (!zone && !script && !box && !outcome && greylist === undefined) {
      this.#fixed.set(spec.domain, this.#makeDomain(base, spec.domain, 0));
      return [];
    }
    const definition: HostDefinition = { name: `mx.${spec.domain}`, ...(script ? { script } : {}) };
    const made: Personality = {
      ...base,
      name: spec.domain,
      domains: [],
      hosts: script ? [definition] : base.hosts.map((host, i) => ({ ...host, name: `mx${i}.${spec.domain}` })),
      box: { ...base.box, ...box },
      outcome: outcome ?? base.outcome,
      greylist: greylist ?? base.greylist,
      zone: zone ? () => zone : base.zone,
    };
    this.#placeHosts(made);
    this.#fixed.set(spec.domain, this.#makeDomain(made, spec.domain, 0));
    return this.#placed.get(made) ?? [];
  }

  /** The sender's domain takes mail, for those who call back, and has all that an operator's doctor asks of it. */
  #placeProbeDomain(policy: readonly string[]): void {
    const postfix = this.#byName.get("postfix");
    if (!postfix) return;
    const { personality, zone } = this.#makeDomain(postfix, PROBE_DOMAIN, 0);
    const below = { _dmarc: { txt: ["v=DMARC1; p=reject"] } };
    this.#fixed.set(PROBE_DOMAIN, { personality, zone: { ...zone, a: ["127.0.0.1"], txt: [...policy], below } });
  }

  #place(personality: Personality): void {
    this.#byName.set(personality.name, personality);
    this.#placeHosts(personality);
    for (const domain of [`${personality.name}.${WORLD_SUFFIX}`, ...personality.domains]) {
      this.#fixed.set(domain, this.#makeDomain(personality, domain, 0));
    }
  }

  #placeHosts(personality: Personality): void {
    const placed: PlacedHost[] = [];
    for (const definition of personality.hosts) {
      const address = definition.ipv6 ? "::1" : this.#nextAddress();
      const zone: Zone = definition.ipv6 ? { aaaa: [address] } : { a: [address] };
      const wildcard = definition.name.startsWith("*");
      const name = wildcard ? definition.name.slice(2) : hostName(definition, personality);
      if (wildcard) this.#wildcards.push({ suffix: `.${name}`, zone });
      else this.#names.set(name, zone);
      if (!definition.ipv6) this.#names.set(reverseName(address), { ptr: name });
      placed.push({ name, address, personality, definition });
    }
    this.#placed.set(personality, placed);
  }

  #domain(name: string): Domain | null {
    const known = this.#fixed.get(name) ?? this.#generated.get(name);
    if (known !== undefined) return known;
    const match = NUMBERED.exec(name);
    const personality = match ? this.#byName.get(match[1] ?? "") : undefined;
    if (!match || !personality) return null;
    const made = this.#makeDomain(personality, name, Number(match[2]));
    if (this.#generated.size >= DOMAIN_CACHE_MAX_ENTRIES) this.#generated.clear();
    this.#generated.set(name, made);
    return made;
  }

  #makeDomain(personality: Personality, domain: string, number: number): Domain {
    const all = this.#placed.get(personality) ?? [];
    const turn = all[number % all.length];
    const hosts = personality.spread && turn ? [turn] : all;
    const mx = hosts.map(({ name, definition }): MxRecord => {
      const own = definition.name.startsWith("*") ? `${domain.replaceAll(".", "-")}.${name}` : name;
      return { preference: definition.preference ?? 10, exchange: own };
    });
    const addresses = hosts.map((host) => host.address);
    const zone = personality.zone ? personality.zone({ domain, mx, addresses }) : { mx };
    return { personality, zone };
  }
}

function hostName(definition: HostDefinition, personality: Personality): string {
  return definition.name.includes(".") ? definition.name : `${definition.name}.${personality.name}.${WORLD_SUFFIX}`;
}

const reverseName = (address: string): string => `${address.split(".").reverse().join(".")}.in-addr.arpa`;
