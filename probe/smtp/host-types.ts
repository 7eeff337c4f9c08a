import type { Profile } from "../pace/profile.ts";

/** Where a host is and as whom it is asked. */
export type Target = {
  /** Name of the mail host, for SNI and evidence. */
  readonly name: string;
  /** Addresses that have passed the guard, in the order in which to try them. */
  readonly addresses: readonly string[];
  readonly source: string;
  readonly helo: string;
};

/** Limits of one host for one source, from its provider or from its own words. */
export type HostLimits = {
  readonly connections: number;
  readonly rcptPerConnection: number;
  readonly refusalsPerConnection: number;
  readonly maxRsets: number | null;
};

/** What a host's queue needs from the pool around it. */
export type HostShell = {
  readonly profile: Profile;
  readonly port: number;
  /** Idle connections live this long. */
  readonly idleMs: number;
  readonly limits: HostLimits;
  readonly now: () => number;
  readonly record: ((host: string, direction: ">" | "<", text: string) => void) | null;
  /** Asks for room for `wanted` recipients. */
  grant(wanted: number, urgent: boolean): Grant;
  /** Asks for a socket; whoever has to wait is pumped when its turn comes. */
  admit(urgent: boolean): Admission;
  /** A socket has gone. */
  released(): void;
  /** What a flight brought home: replies, and permanent refusals among them. */
  answered(replies: number, refused: number): void;
  /** A connection attempt came to this. */
  connected(good: boolean): void;
  /** A connection has nothing to do; the pool may tell it to go. */
  idle(): void;
  /** Nothing is left here: no work and no connection. */
  empty(): void;
};

/** Whether a socket may be opened: now, later, or not before a pause that is too long to wait for. */
export type Admission = "open" | "wait" | "paused";

/** Recipients that may be sent now; with none, either a time to come back or a pause too long to wait for. */
export type Grant = { readonly recipients: number; readonly waitMs: number | null };
