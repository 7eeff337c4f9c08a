import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { BULK_WINDOW_ADDRESSES } from "../shared/limits.ts";
import { providerById } from "../shared/providers/index.ts";
import { err, ok, type Result } from "../shared/result.ts";
import {
  ADDRESS_VISITS_PER_DAY,
  DOMAIN_VISITS_PER_DAY,
  HOST_UNKNOWN_PER_HOUR,
  POOL_IDLE_CONNECTIONS_MAX,
  POOL_IDLE_MS,
} from "./limits.ts";

/** An address of this machine to dial from, and the name it says in EHLO. `ANY_SOURCE` lets the system choose. */
export type SourceAddress = { readonly address: string; readonly helo: string };
export const ANY_SOURCE = "any";

export type Server = { readonly host: string; readonly port: number };

const PACE_PROFILES = ["polite", "lab"] as const;
export type PaceProfile = (typeof PACE_PROFILES)[number];

/** How the consumer Outlook hosts may be asked: their terms forbid verifying without sending (MAIL.md 5). */
const OUTLOOK_MODES = ["off", "sparing", "normal"] as const;
type OutlookMode = (typeof OUTLOOK_MODES)[number];

/** All that the environment tells a probe. Link variables are null where the command line needs none. */
export type ProbeConfig = {
  readonly edgeUrl: string | null;
  readonly token: string | null;
  readonly region: string;
  readonly databaseUrl: string | null;
  /** Envelope sender of every dialogue; its domain must have SPF, DMARC and an MX that answers. */
  readonly mailFrom: string;
  readonly sources: readonly SourceAddress[];
  readonly dnsServers: readonly Server[];
  readonly smtpPort: number;
  readonly allowPrivateNetworks: boolean;
  /** Addresses held at once in bulk; what `pull` offers to the hub. */
  readonly capacity: number;
  readonly roles: readonly string[];
  readonly pace: PaceProfile;
  readonly outlook: OutlookMode;
  /** Idle connections kept, and for how long. */
  readonly poolSize: number;
  readonly poolIdleMs: number;
  /** Ask once more with the null sender where ours is refused; off by default, because traps list addresses for it. */
  readonly nullSender: boolean;
  /** When the source addresses began to ask, while they are new and have to be warmed up; null later (E8). */
  readonly warmSinceMs: number | null;
  /** Folder for what has to outlive the process (cool-downs, quarantines, counts of the day); null to forget it. */
  readonly stateDir: string | null;
  /** Local parts of the operators' canaries where not the day's: by operator, an address that it must refuse. */
  readonly canaries: ReadonlyMap<string, string>;
  /** Mailboxes of ours at operators: where one of them is refused, we are. */
  readonly liveMailboxes: readonly LiveMailbox[];
  readonly caps: Caps;
  /** Key of the control addresses, shared by the fleet so that their greylist triplets age together. */
  readonly controlSecret: string;
};

/** A mailbox that certainly exists, at an operator's own domain. */
export type LiveMailbox = { readonly provider: string; readonly address: string };

/** Caps across all tenants (MAIL.md 7, E3). */
export type Caps = {
  /** Addresses of one domain asked about in a day. */
  readonly domainPerDay: number;
  /** Unknown users met at one host in an hour; operators that count more strictly have less. */
  readonly hostUnknownPerHour: number;
  /** Visits to one address in a day. */
  readonly addressPerDay: number;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a probe's environment; the only place that knows the names of its variables.
 * @returns the configuration, or one sentence that names the variable at fault
 */
export function readProbeConfig(env: Environment): Result<ProbeConfig, string> {
  const helo = env.PROBE_HELO_NAME || ownName();
  const allowPrivateNetworks = isOn(env.PROBE_ALLOW_PRIVATE_NETWORKS);
  const sources = readSources(env.PROBE_SOURCE_ADDRESSES, helo);
  if (!sources.ok) return sources;
  const dnsServers = env.PROBE_DNS_SERVERS ? readServers(env.PROBE_DNS_SERVERS) : ok(systemDnsServers());
  if (!dnsServers.ok) return dnsServers;
  const smtpPort = readNumber("PROBE_SMTP_PORT", env.PROBE_SMTP_PORT, 25, 65_535);
  if (!smtpPort.ok) return smtpPort;
  const capacity = readNumber("PROBE_CAPACITY", env.PROBE_CAPACITY, BULK_WINDOW_ADDRESSES, 100_000);
  if (!capacity.ok) return capacity;
  const pace = readChoice("PROBE_PACE", env.PROBE_PACE, PACE_PROFILES, allowPrivateNetworks ? "lab" : "polite");
  if (!pace.ok) return pace;
  if (pace.value === "lab" && !allowPrivateNetworks) {
    return err("PROBE_PACE=lab is for private networks only: it needs PROBE_ALLOW_PRIVATE_NETWORKS=1");
  }
  const poolSize = readNumber("PROBE_POOL_SIZE", env.PROBE_POOL_SIZE, POOL_IDLE_CONNECTIONS_MAX, 1_000);
  if (!poolSize.ok) return poolSize;
  const poolIdleMs = readNumber("PROBE_POOL_IDLE_MS", env.PROBE_POOL_IDLE_MS, POOL_IDLE_MS, 600_000);
  if (!poolIdleMs.ok) return poolIdleMs;
  const outlook = readChoice("PROBE_OUTLOOK_CONSUMER", env.PROBE_OUTLOOK_CONSUMER, OUTLOOK_MODES, "sparing");
  if (!outlook.ok) return outlook;
  const mailFrom = env.PROBE_MAIL_FROM || `probe@${helo}`;
  if (!/^[\x21-\x7e]+@[\x21-\x7e]+$/.test(mailFrom) || /[<>]/.test(mailFrom)) {
    return err("PROBE_MAIL_FROM must be one plain mail address");
  }
  const warmSinceMs = env.PROBE_WARM_SINCE ? Date.parse(env.PROBE_WARM_SINCE) : null;
  if (Number.isNaN(warmSinceMs)) return err("PROBE_WARM_SINCE must be a date such as 2026-11-20");
  const canaries = readPerProvider("PROBE_CANARIES", env.PROBE_CANARIES, /^[a-z0-9][a-z0-9._+-]{0,62}$/i);
  if (!canaries.ok) return canaries;
  const live = readPerProvider("PROBE_LIVE_MAILBOXES", env.PROBE_LIVE_MAILBOXES, LIVE_MAILBOX);
  if (!live.ok) return live;
  const caps = readCaps(env);
  if (!caps.ok) return caps;
  return ok({
    edgeUrl: env.EDGE_URL || null,
    token: env.PROBE_TOKEN || null,
    region: env.PROBE_REGION || "local",
    databaseUrl: env.DATABASE_URL || null,
    mailFrom,
    sources: sources.value,
    dnsServers: dnsServers.value,
    smtpPort: smtpPort.value,
    allowPrivateNetworks,
    capacity: capacity.value,
    roles: (env.PROBE_ROLES || "smtp").split(",").map((role) => role.trim()),
    pace: pace.value,
    outlook: outlook.value,
    poolSize: poolSize.value,
    poolIdleMs: poolIdleMs.value,
    nullSender: isOn(env.PROBE_NULL_SENDER),
    warmSinceMs,
    // systemd names the folder that StateDirectory= makes; several would be separated by colons.
    stateDir: env.PROBE_STATE_DIR || env.STATE_DIRECTORY?.split(":")[0] || null,
    canaries: new Map(canaries.value),
    liveMailboxes: live.value.map(([provider, address]) => ({ provider, address: address.toLowerCase() })),
    caps: caps.value,
    controlSecret: env.PROBE_CONTROL_SECRET || ownSecret(mailFrom),
  });
}

const LIVE_MAILBOX = /^[a-z0-9][a-z0-9._+-]{0,62}@(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}$/i;

/** Reads "operator=value" pairs with commas between; operators by their identifiers in shared/providers. */
function readPerProvider(
  name: string,
  value: string | undefined,
  shape: RegExp,
): Result<readonly (readonly [string, string])[], string> {
  const pairs: (readonly [string, string])[] = [];
  for (const part of (value ?? "").split(",")) {
    const text = part.trim();
    if (text === "") continue;
    const [provider = "", said = ""] = text.split("=", 2);
    if (providerById(provider)?.canary !== true) {
      return err(`${name}: "${provider}" is no operator with mailboxes for the public`);
    }
    if (!shape.test(said)) return err(`${name}: "${text}" is not of the form operator=value`);
    pairs.push([provider, said]);
  }
  return ok(pairs);
}

function readCaps(env: Environment): Result<Caps, string> {
  const { PROBE_DOMAIN_PER_DAY, PROBE_HOST_UNKNOWN_PER_HOUR, PROBE_ADDRESS_PER_DAY } = env;
  const domain = readNumber("PROBE_DOMAIN_PER_DAY", PROBE_DOMAIN_PER_DAY, DOMAIN_VISITS_PER_DAY, 100_000);
  if (!domain.ok) return domain;
  const unknown = readNumber("PROBE_HOST_UNKNOWN_PER_HOUR", PROBE_HOST_UNKNOWN_PER_HOUR, HOST_UNKNOWN_PER_HOUR, 1_000);
  if (!unknown.ok) return unknown;
  const address = readNumber("PROBE_ADDRESS_PER_DAY", PROBE_ADDRESS_PER_DAY, ADDRESS_VISITS_PER_DAY, 24);
  if (!address.ok) return address;
  return ok({ domainPerDay: domain.value, hostUnknownPerHour: unknown.value, addressPerDay: address.value });
}

const isOn = (value: string | undefined): boolean =>
  value !== undefined && !/^(?:|0|false|no|off)$/i.test(value.trim());

/** The machine's name, where it is one that may be said in EHLO. */
function ownName(): string {
  const name = hostname().toLowerCase();
  return HELO_NAME.test(name) ? name : "localhost";
}

/**
 * Without a secret of the fleet, one that this machine finds again the next time: a control address that was greylisted
 * is of age when the same list is checked anew. systemd asks to keep the machine's id from strangers (machine-id(5)).
 */
function ownSecret(mailFrom: string): string {
  let machine = hostname();
  try {
    machine = readFileSync("/etc/machine-id", "utf8").trim() || machine;
  } catch {
    // No such file on this system.
  }
  return createHmac("sha256", machine).update(`control addresses of ${mailFrom}`).digest("hex");
}

const HELO_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?$|^\[[0-9a-f.:IPv]+\]$/i;

function readSources(value: string | undefined, helo: string): Result<readonly SourceAddress[], string> {
  if (!HELO_NAME.test(helo)) return err(`PROBE_HELO_NAME is not a host name: "${helo}"`);
  if (!value) return ok([{ address: ANY_SOURCE, helo }]);
  const sources: SourceAddress[] = [];
  for (const part of value.split(",")) {
    const [address = "", name = helo] = part.trim().split("=");
    if (isIP(address) === 0) return err(`PROBE_SOURCE_ADDRESSES: "${address}" is not an IP address`);
    if (!HELO_NAME.test(name)) return err(`PROBE_SOURCE_ADDRESSES: "${name}" is not a host name`);
    sources.push({ address, helo: name });
  }
  return ok(sources);
}

function readServers(value: string): Result<readonly Server[], string> {
  const servers: Server[] = [];
  for (const part of value.split(",")) {
    const text = part.trim();
    if (text === "") continue;
    const match = /^(?:\[([^\]]+)\]|([^:]+)|([0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*))(?::(\d{1,5}))?$/i.exec(text);
    const host = match?.[1] ?? match?.[2] ?? match?.[3] ?? "";
    const port = Number(match?.[4] ?? 53);
    if (isIP(host) === 0 || port < 1 || port > 65_535) {
      return err(`PROBE_DNS_SERVERS: "${text}" is not an IP address with an optional port`);
    }
    servers.push({ host, port });
  }
  return servers.length > 0 ? ok(servers) : err("PROBE_DNS_SERVERS names no server");
}

/** The system's own resolvers; without any, the loopback address, where a local resolver would be. */
function systemDnsServers(): readonly Server[] {
  try {
    const text = readFileSync("/etc/resolv.conf", "utf8");
    const hosts = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "");
    const servers = hosts.filter((host) => isIP(host) !== 0).map((host) => ({ host, port: 53 }));
    if (servers.length > 0) return servers;
  } catch {
    // No such file on this system.
  }
  return [{ host: "127.0.0.1", port: 53 }];
}

function readNumber(name: string, value: string | undefined, standard: number, most: number): Result<number, string> {
  if (!value) return ok(standard);
  const number = Number(value);
  return Number.isInteger(number) && number >= 1 && number <= most
    ? ok(number)
    : err(`${name} must be a whole number from 1 to ${most}`);
}

function readChoice<T extends string>(
  name: string,
  value: string | undefined,
  choices: readonly T[],
  standard: T,
): Result<T, string> {
  if (!value) return ok(standard);
  const found = choices.find((choice) => choice === value);
  return found ? ok(found) : err(`${name} must be one of ${choices.join(", ")}`);
}
