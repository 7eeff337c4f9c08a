import { createSecureContext, type SecureContext } from "node:tls";
import { domainToASCII } from "node:url";
import { startBlackhole } from "./blackhole.ts";
import { worldCertificates } from "./certificate.ts";
import { Directory, type PlacedHost, PROBE_DOMAIN, PROBE_NAME, WORLD_SUFFIX } from "./directory.ts";
import { DnsServer } from "./dns/server.ts";
import { resolve } from "./dns/zone.ts";
import { Greylist } from "./smtp/greylist.ts";
import { Host, type HostWorld } from "./smtp/host.ts";
import { clearStats, emptyStats, type WorldStats } from "./stats.ts";
import { mailboxTruth, truthOf } from "./truth.ts";
import type { DomainSpec, Truth } from "./types.ts";

export type WorldOptions = {
  /** Port of the DNS server on 127.0.0.1; 0 or absent for any. */
  readonly dnsPort?: number;
  /** Port of every mail host; 0 for any that is free. */
  readonly smtpPort: number;
  /** Loopback addresses of the hosts; 127.0.10.1 and on when absent. */
  readonly addresses?: readonly string[];
  /** Round-trip time on the wire in milliseconds. */
  readonly rttMs?: number;
  /** Time from the first try after which greylisting lets a triplet pass. */
  readonly greylistMs?: number;
  /** Multiplies every scripted delay (tarpits, slow banners); 1 is as slow as the real ones. */
  readonly scale?: number;
  /** Whether hosts whose script does not say offer PIPELINING (default true) and STARTTLS (default false). */
  readonly pipelining?: boolean;
  readonly starttls?: boolean;
};

export type World = {
  /** host:port of the DNS server. */
  readonly dns: string;
  readonly smtpPort: number;
  /** A HELO name and a sender that every host of the world can look up. */
  readonly probe: { readonly helo: string; readonly mailFrom: string };
  /** The live counters; JSON-able. */
  stats(): WorldStats;
  resetStats(): void;
  setRtt(ms: number): void;
  /** Adds a domain and waits until its hosts listen. */
  addDomain(spec: DomainSpec): Promise<void>;
  truth(email: string): Truth;
  close(): Promise<void>;
};

/** First four letters of the commands that are counted by name. */
const VERBS = new Set([
  "EHLO",
  "HELO",
  "MAIL",
  "RCPT",
  "RSET",
  "STAR",
  "QUIT",
  "NOOP",
  "VRFY",
  "EXPN",
  "DATA",
  "BDAT",
  "AUTH",
]);

/** Tries to find a port that is free on every address. */
const PORT_TRIES = 10;

/**
 * Starts a mail world: one DNS server that knows every name there is, and one SMTP server per simulated host, all on
 * loopback addresses. Rejects when a port is taken or the addresses do not suffice.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const stats = emptyStats();
  const directory = new Directory(addressPool(options.addresses));
  const shared = sharedParts(options, stats, directory);
  const hosts: Host[] = [];
  const start = async (placed: readonly PlacedHost[], port: number): Promise<number> => {
    let bound = port;
    for (const one of placed) {
      if (one.definition.dead) continue;
      const host = new Host(one.name, one.address, one.personality, one.definition, shared);
      const got = await listen(host, bound);
      if (got === null) continue;
      bound = got;
      hosts.push(host);
      stats.hosts[host.name] = host.stats;
    }
    return bound;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(hosts.splice(0).map((host) => host.close()));
  };
  const smtpPort = await onFreePort(options.smtpPort, () => start(directory.hosts(), options.smtpPort), stop);
  const endings: (() => Promise<void>)[] = [stop];
  const close = async (): Promise<void> => {
    await Promise.all(endings.map((end) => end()));
  };
  const server = new DnsServer(
    (name, type) => resolve((asked) => directory.zone(asked), name, type),
    () => stats,
  );
  let dnsPort: number;
  try {
    const swallowing = directory.hosts().filter((host) => host.definition.dead === "blackhole");
    const addresses = swallowing.map((host) => host.address);
    endings.push(await startBlackhole(addresses, smtpPort));
    dnsPort = await server.listen(options.dnsPort ?? 0);
    endings.push(() => server.close());
  } catch (error) {
    await close();
    throw error;
  }
  return {
    dns: `127.0.0.1:${dnsPort}`,
    smtpPort,
    probe: { helo: PROBE_NAME, mailFrom: `check@${PROBE_DOMAIN}` },
    stats: () => stats,
    resetStats: () => clearStats(stats),
    setRtt: (ms) => {
      shared.settings.rttMs = ms;
    },
    addDomain: async (spec) => {
      await start(directory.add(spec), smtpPort);
    },
    truth: (email) => truthAbout(directory, email),
    close,
  };
}

function sharedParts(options: WorldOptions, stats: WorldStats, directory: Directory): HostWorld {
  let contexts: { good: SecureContext; expired: SecureContext } | null = null;
  const makeContexts = () => {
    const { good, expired } = worldCertificates(`mx.${WORLD_SUFFIX}`, Date.now());
    return { good: createSecureContext(good), expired: createSecureContext(expired) };
  };
  return {
    stats,
    greylist: new Greylist(options.greylistMs ?? 2_000),
    settings: {
      rttMs: options.rttMs ?? 0,
      scale: options.scale ?? 1,
      pipelining: options.pipelining ?? true,
      starttls: options.starttls ?? false,
    },
    personalityOf: (domain) => directory.personalityOf(domain),
    hasMailDomain: (domain) => {
      const zone = directory.zone(domain.toLowerCase());
      return zone?.mx !== undefined || zone?.a !== undefined;
    },
    secureContext: (expired) => {
      contexts ??= makeContexts();
      return expired ? contexts.expired : contexts.good;
    },
    violation: (kind) => {
      stats.violations[kind] = (stats.violations[kind] ?? 0) + 1;
    },
    countCommand: (verb) => {
      const name = VERBS.has(verb) ? verb : "OTHER";
      stats.commands[name] = (stats.commands[name] ?? 0) + 1;
    },
  };
}

/** Listens; null when the machine has no such address (IPv6 switched off). */
async function listen(host: Host, port: number): Promise<number | null> {
  try {
    return await host.listen(port);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (host.address.includes(":") && (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT")) return null;
    throw error;
  }
}

async function onFreePort(wanted: number, start: () => Promise<number>, stop: () => Promise<void>): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      await stop();
      if (wanted !== 0 || attempt === PORT_TRIES) throw error;
    }
  }
}

function addressPool(given: readonly string[] | undefined): () => string {
  let taken = 0;
  return () => {
    const n = taken;
    taken += 1;
    const address = given ? given[n] : `127.0.${10 + Math.floor(n / 250)}.${1 + (n % 250)}`;
    if (address === undefined) throw new Error(`the mail world needs more than the ${taken - 1} addresses given`);
    return address;
  };
}

function truthAbout(directory: Directory, email: string): Truth {
  const at = email.lastIndexOf("@");
  const domain = domainToASCII(email.slice(at + 1)).toLowerCase();
  if (at < 1 || domain === "") return truthOf({ now: "syntax_invalid" });
  const personality = directory.personalityOf(domain);
  if (!personality) return truthOf({ now: "domain_not_found" });
  const local = email.slice(0, at);
  const bare = local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/g, "$1") : local;
  return mailboxTruth(personality, bare);
}
