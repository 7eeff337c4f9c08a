import { DEFAULT_PACE, type Pace, type Provider } from "../../shared/providers/index.ts";
import type { SourceAddress } from "../config.ts";
import { COOL_DOWN_MAX_MS, PACE_MAX_ENTRIES, REFUSALS_PER_CONNECTION, SOURCE_BLOCKS_MAX } from "../limits.ts";
import type { Grant, HostLimits } from "../smtp/host-types.ts";
import { TtlMap } from "../ttl-map.ts";
import { allow, createPace, type PaceEvent, type PaceState, pausedFor, step } from "./machine.ts";
import type { Profile } from "./profile.ts";
import { WarmUp } from "./warm-up.ts";

/** Whom a pace is about: an operator or a single host, as seen from one source address. */
export type PaceKey = { readonly operator: string; readonly source: string; readonly pace: Pace };

export type BreakerView = {
  readonly operator: string;
  readonly source: string;
  readonly state: string;
  readonly untilMs: number;
};

/** States of unused keys lapse; those of a cool-down outlive it. */
const KEPT_MS = 2 * COOL_DOWN_MAX_MS;

/** The paces of all operators and sources, and which sources are fit for use. */
export class PaceBook {
  readonly #profile: Profile;
  readonly #now: () => number;
  readonly #warmUp: WarmUp | null;
  readonly #states = new TtlMap<PaceState>(PACE_MAX_ENTRIES);
  readonly #paused = new Map<string, BreakerView>();
  /** Operators that list a source address. */
  readonly #blockedBy = new Map<string, Set<string>>();

  /** @param warmSinceMs when the source addresses of a new probe began to ask; null once they are known */
  constructor(profile: Profile, now: () => number, warmSinceMs: number | null = null) {
    this.#profile = profile;
    this.#now = now;
    this.#warmUp = warmSinceMs === null ? null : new WarmUp(warmSinceMs);
  }

  key(provider: Provider | null, host: string, source: string): PaceKey {
    const operator = provider === null || !this.#profile.perOperator ? host : provider.id;
    return { operator, source, pace: provider?.pace ?? DEFAULT_PACE };
  }

  limits({ pace }: PaceKey): HostLimits {
    if (!this.#profile.capped) {
      const { connections } = this.#profile;
      return { connections, rcptPerConnection: Infinity, refusalsPerConnection: Infinity, maxRsets: null };
    }
    return {
      connections: pace.connections,
      rcptPerConnection: pace.rcptPerConnection,
      refusalsPerConnection: REFUSALS_PER_CONNECTION,
      maxRsets: pace.maxRsets ?? null,
    };
  }

  grant(key: PaceKey, wanted: number, urgent: boolean): Grant {
    if (!this.#profile.capped) return { recipients: wanted, waitMs: null };
    const nowMs = this.#now();
    const most = Math.min(wanted, this.#warmUp?.left(key.source, nowMs) ?? wanted);
    if (most === 0) return { recipients: 0, waitMs: null };
    const { state, recipients, waitMs } = allow(this.#state(key, nowMs), key.pace, most, urgent, nowMs);
    this.#keep(key, state, nowMs);
    this.#warmUp?.count(key.source, recipients, nowMs);
    return { recipients, waitMs };
  }

  report(key: PaceKey, event: PaceEvent): void {
    if (!this.#profile.capped) return;
    const nowMs = this.#now();
    if (event.kind === "blocked") this.#block(key);
    this.#keep(key, step(this.#state(key, nowMs), key.pace, event, nowMs), nowMs);
  }

  /** Milliseconds until this operator may be asked again; 0 when it may. */
  pausedFor(key: PaceKey): number {
    const nowMs = this.#now();
    const state = this.#states.get(name(key), nowMs);
    const byHost = state === undefined ? 0 : pausedFor(state, key.pace, nowMs);
    return Math.max(byHost, this.#warmUp?.pausedFor(key.source, nowMs) ?? 0);
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
    for (let i = 0; i < sources.length; i += 1) {
      const source = sources[(start + i) % sources.length];
      if (source !== undefined && this.pausedFor(keyOf(source.address)) === 0) return source;
    }
    return sources[start] ?? null;
  }

  /** Listed by several operators: out of use until a person has looked at it and restarts the probe (E6). */
  isQuarantined(source: string): boolean {
    return (this.#blockedBy.get(source)?.size ?? 0) >= SOURCE_BLOCKS_MAX;
  }

  /** Operators that are not asked at present. */
  paused(): readonly BreakerView[] {
    const nowMs = this.#now();
    for (const [key, view] of this.#paused) if (view.untilMs <= nowMs) this.#paused.delete(key);
    return [...this.#paused.values()];
  }

  #state(key: PaceKey, nowMs: number): PaceState {
    return this.#states.get(name(key), nowMs) ?? createPace(key.pace, nowMs);
  }

  #keep(key: PaceKey, state: PaceState, nowMs: number): void {
    this.#states.set(name(key), state, nowMs + KEPT_MS);
    const pauseMs = pausedFor(state, key.pace, nowMs);
    if (pauseMs === 0) this.#paused.delete(name(key));
    else if (this.#paused.size < PACE_MAX_ENTRIES) {
      const why = state.breaker.state === "open" ? "open" : "cool_down";
      this.#paused.set(name(key), { operator: key.operator, source: key.source, state: why, untilMs: nowMs + pauseMs });
    }
  }

  #block({ operator, source }: PaceKey): void {
    const operators = this.#blockedBy.get(source) ?? new Set<string>();
    if (operators.size < SOURCE_BLOCKS_MAX) operators.add(operator);
    this.#blockedBy.set(source, operators);
  }
}

const name = ({ operator, source }: PaceKey): string => `${operator} ${source}`;

function hashOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash >>> 0;
}
