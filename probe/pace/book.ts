import { DEFAULT_PACE, type Pace, type Provider, providerById } from "../../shared/providers/index.ts";
import type { SourceAddress } from "../config.ts";
import { HOST_UNKNOWN_PER_HOUR, PACE_MAX_ENTRIES, PACE_PATIENCE_MS, REFUSALS_PER_CONNECTION } from "../limits.ts";
import type { Grant, HostLimits } from "../smtp/host-types.ts";
import type { HostPace } from "../smtp/pool.ts";
import { TtlMap } from "../ttl-map.ts";
import {
  allow,
  connectionsOf,
  createPace,
  keptMs,
  type PaceEvent,
  type PaceState,
  pausedFor,
  rateOf,
  step,
} from "./machine.ts";
import type { Profile } from "./profile.ts";
import { Quarantine } from "./quarantine.ts";
import { asked, cameHome, createHost, goesToRead, type HostState, heard, hostPausedFor, roomFor } from "./strangers.ts";
import { WarmUp } from "./warm-up.ts";

/** Whom a pace is about: an operator (or a host of nobody's) and a single host, as seen from one source address. */
export type PaceKey = {
  readonly operator: string;
  readonly source: string;
  readonly pace: Pace;
  /** Connections that the operator may see at once while all is well. */
  readonly connections: number;
  /** Names in the book: of the operator and of the host, each with the source. */
  readonly operatorKey: string;
  readonly hostKey: string;
};

/** What a visit or a connection came to: of the operator, or of the one host. */
type Report =
  | PaceEvent
  /** A visit has been read: this many replies, this many of them about users that nobody knows. */
  | { readonly kind: "answers"; readonly replies: number; readonly unknown: number };

export type BreakerView = {
  readonly operator: string;
  readonly source: string;
  readonly state: string;
  readonly untilMs: number;
};

export type BookOptions = {
  /** When the source addresses of a new probe began to ask; null once they are known (E8). */
  readonly warmSinceMs?: number | null;
  /** Unknown users that a host bears in an hour unless its operator bears less. */
  readonly hostUnknownPerHour?: number;
  /** What stands for the name of a host in the book: a hash where the book is written down. */
  readonly nameOf?: (host: string) => string;
  readonly quarantine?: Quarantine;
};

/** What the book holds, to be written down. */
export type BookEntries = {
  readonly operators: readonly (readonly [string, PaceState])[];
  readonly hosts: readonly (readonly [string, HostState])[];
};

/** Counts of strangers are of the hour, and so are the pauses that follow from them. */
const HOST_KEPT_MS = 3_600_000 * 2;

/** The paces of all operators and sources, and which sources are fit for use. */
export class PaceBook {
  readonly quarantine: Quarantine;
  readonly warmUp: WarmUp | null;
  readonly #profile: Profile;
  readonly #now: () => number;
  readonly #hostUnknownPerHour: number;
  readonly #nameOf: (host: string) => string;
  readonly #states = new TtlMap<PaceState>(PACE_MAX_ENTRIES);
  readonly #hosts = new TtlMap<HostState>(PACE_MAX_ENTRIES);
  readonly #paused = new Map<string, BreakerView>();
  #changes = 0;

  constructor(profile: Profile, now: () => number, options: BookOptions = {}) {
    this.#profile = profile;
    this.#now = now;
    this.warmUp = typeof options.warmSinceMs === "number" ? new WarmUp(options.warmSinceMs) : null;
    this.#hostUnknownPerHour = options.hostUnknownPerHour ?? HOST_UNKNOWN_PER_HOUR;
    this.#nameOf = options.nameOf ?? ((host) => host);
    this.quarantine = options.quarantine ?? new Quarantine();
  }

  /** Grows with everything that is worth writing down. */
  get changes(): number {
    return this.#changes + this.quarantine.changes;
  }

  key(provider: Provider | null, host: string, source: string): PaceKey {
    const pace = provider?.pace ?? DEFAULT_PACE;
    if (!this.#profile.capped) return { operator: host, source, pace, connections: 0, operatorKey: "", hostKey: "" };
    const hostKey = `${this.#nameOf(host)} ${source}`;
    if (provider === null || !this.#profile.perOperator) {
      // A host of nobody's gets its second connection when much waits for it (MAIL.md 5).
      const connections = Math.max(pace.connections, this.#profile.connections);
      return { operator: host, source, pace, connections, operatorKey: hostKey, hostKey };
    }
    const operatorKey = `${provider.id} ${source}`;
    return { operator: provider.id, source, pace, connections: pace.connections, operatorKey, hostKey };
  }

  /** How the pool may ask a host. */
  hostPace(key: PaceKey): HostPace {
    const connected = (good: boolean): void => this.report(key, { kind: "connection", good });
    const grant = (wanted: number, urgent: boolean): Grant => this.grant(key, wanted, urgent);
    if (!this.#profile.capped) return { limits: this.#limits(key), grant, connected, answered() {}, lane: null };
    return {
      limits: this.#limits(key),
      grant,
      connected,
      answered: (replies, refused) => {
        if (replies > 0) this.#keepHost(key, cameHome(this.#host(key, this.#now()), replies, refused), this.#now());
      },
      lane: {
        name: key.operatorKey,
        connections: () => this.#connections(key),
        pausedFor: () => this.pausedFor(key),
      },
    };
  }

  grant(key: PaceKey, wanted: number, urgent: boolean): Grant {
    if (!this.#profile.capped) return { recipients: wanted, waitMs: null };
    const nowMs = this.#now();
    const host = this.#host(key, nowMs);
    const perHour = this.#strangersPerHour(key);
    const pauseMs = Math.max(
      hostPausedFor(host, perHour, nowMs),
      urgent ? 0 : host.freeAtMs - nowMs,
      this.warmUp?.pausedFor(key.source, nowMs) ?? 0,
    );
    if (pauseMs > 0) return { recipients: 0, waitMs: pauseMs > PACE_PATIENCE_MS ? null : pauseMs };
    const most = Math.min(wanted, roomFor(host, perHour, nowMs), this.warmUp?.left(key.source, nowMs) ?? wanted);
    const { state, recipients, waitMs } = allow(this.#state(key, nowMs), key.pace, most, urgent, nowMs);
    this.#keep(key, state, nowMs);
    if (recipients > 0) {
      const after = asked(host, recipients, rateOf(state, key.pace), nowMs);
      if (after !== host) this.#keepHost(key, after, nowMs);
      this.warmUp?.count(key.source, recipients, nowMs);
    }
    return { recipients, waitMs };
  }

  report(key: PaceKey, event: Report): void {
    if (!this.#profile.capped) return;
    const nowMs = this.#now();
    switch (event.kind) {
      case "answers":
        this.#keepHost(key, heard(this.#host(key, nowMs), event.replies, event.unknown, nowMs), nowMs);
        break;
      case "blocked":
      case "throttled":
      case "connection":
        if (event.kind === "blocked") {
          this.quarantine.listed(key.source, key.operatorKey.slice(0, key.operatorKey.indexOf(" ")), nowMs);
        }
        this.#keep(key, step(this.#state(key, nowMs), key.pace, event, nowMs), nowMs);
    }
  }

  /** A visit is over and goes to be read. */
  over(key: PaceKey, questions: readonly { readonly reply: { readonly code: number } | null }[]): void {
    if (!this.#profile.capped) return;
    let replies = 0;
    let refused = 0;
    for (const { reply } of questions) {
      if (reply !== null) replies += 1;
      if (reply !== null && reply.code >= 500) refused += 1;
    }
    const nowMs = this.#now();
    if (replies > 0) this.#keepHost(key, goesToRead(this.#host(key, nowMs), replies, refused), nowMs);
  }

  /** Milliseconds until this host may be asked again; 0 when it may. */
  pausedFor(key: PaceKey): number {
    if (!this.#profile.capped) return 0;
    const nowMs = this.#now();
    const host = this.#hosts.get(key.hostKey, nowMs);
    const byHost = host === undefined ? 0 : hostPausedFor(host, this.#strangersPerHour(key), nowMs);
    return Math.max(byHost, this.#sourcePausedFor(key, nowMs));
  }

  /**
   * The source address for a domain: a deferred item's own, else the same one every time (greylists count by it),
   * unless this operator has paused it and another is free. Null without any source.
   */
  chooseSource(
    sources: readonly SourceAddress[],
    domain: string,
    sticky: string | null,
    keyOf: (source: string) => PaceKey,
  ): SourceAddress | null {
    const kept = sources.find((source) => source.address === sticky);
    if (kept !== undefined) return kept;
    const start = hashOf(domain) % Math.max(1, sources.length);
    const nowMs = this.#now();
    for (let i = 0; i < sources.length; i += 1) {
      const source = sources[(start + i) % sources.length];
      // A host that has met too many strangers of ours is not asked from elsewhere instead.
      if (source !== undefined && this.#sourcePausedFor(keyOf(source.address), nowMs) === 0) return source;
    }
    return sources[start] ?? null;
  }

  /** Listed by several operators: out of use until a person has looked at it and released it (E6). */
  isQuarantined(source: string): boolean {
    return this.quarantine.has(source);
  }

  /** Operators that are not asked at present. */
  paused(): readonly BreakerView[] {
    const nowMs = this.#now();
    for (const [key, view] of this.#paused) if (view.untilMs <= nowMs) this.#paused.delete(key);
    return [...this.#paused.values()];
  }

  dump(): BookEntries {
    const nowMs = this.#now();
    return { operators: [...this.#states.entries(nowMs)], hosts: [...this.#hosts.entries(nowMs)] };
  }

  restore({ operators, hosts }: BookEntries): void {
    const nowMs = this.#now();
    for (const [key, state] of operators) {
      this.#states.set(key, state, nowMs + keptMs(state));
      const [operator = "", source = ""] = key.split(" ");
      this.#view(key, operator, source, state, providerById(operator)?.pace ?? DEFAULT_PACE, nowMs);
    }
    for (const [key, state] of hosts) this.#hosts.set(key, state, nowMs + HOST_KEPT_MS);
  }

  #limits(key: PaceKey): HostLimits {
    const { pace } = key;
    if (!this.#profile.capped) {
      const { connections } = this.#profile;
      return { connections, rcptPerConnection: Infinity, refusalsPerConnection: Infinity, maxRsets: null };
    }
    const now = (): number => this.#connections(key);
    return {
      get connections() {
        return now();
      },
      rcptPerConnection: pace.rcptPerConnection,
      refusalsPerConnection: REFUSALS_PER_CONNECTION,
      maxRsets: pace.maxRsets ?? null,
    };
  }

  #connections(key: PaceKey): number {
    const nowMs = this.#now();
    const state = this.#states.get(key.operatorKey, nowMs);
    return state === undefined ? key.connections : connectionsOf(state, key.connections, nowMs);
  }

  #strangersPerHour({ pace }: PaceKey): number {
    return Math.min(this.#hostUnknownPerHour, pace.unknownPerHour ?? this.#hostUnknownPerHour);
  }

  #sourcePausedFor(key: PaceKey, nowMs: number): number {
    if (!this.#profile.capped) return 0;
    const state = this.#states.get(key.operatorKey, nowMs);
    const byOperator = state === undefined ? 0 : pausedFor(state, key.pace, nowMs);
    return Math.max(byOperator, this.warmUp?.pausedFor(key.source, nowMs) ?? 0);
  }

  #state(key: PaceKey, nowMs: number): PaceState {
    return this.#states.get(key.operatorKey, nowMs) ?? createPace(key.pace, nowMs);
  }

  #host(key: PaceKey, nowMs: number): HostState {
    return this.#hosts.get(key.hostKey, nowMs) ?? createHost(nowMs);
  }

  #keep(key: PaceKey, state: PaceState, nowMs: number): void {
    this.#changes += 1;
    this.#states.set(key.operatorKey, state, nowMs + keptMs(state));
    this.#view(key.operatorKey, key.operator, key.source, state, key.pace, nowMs);
  }

  /** Keeps the list of paused operators up to date. */
  #view(key: string, operator: string, source: string, state: PaceState, pace: Pace, nowMs: number): void {
    const pauseMs = pausedFor(state, pace, nowMs);
    if (pauseMs === 0) this.#paused.delete(key);
    else if (this.#paused.size < PACE_MAX_ENTRIES) {
      const why = state.breaker.state === "open" ? "open" : "cool_down";
      this.#paused.set(key, { operator, source, state: why, untilMs: nowMs + pauseMs });
    }
  }

  #keepHost(key: PaceKey, state: HostState, nowMs: number): void {
    this.#changes += 1;
    this.#hosts.set(key.hostKey, state, nowMs + HOST_KEPT_MS);
  }
}

function hashOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash >>> 0;
}
