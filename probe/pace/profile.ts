import type { PaceProfile } from "../config.ts";

/** Deadlines of one dialogue, in milliseconds. */
export type SmtpTimes = {
  readonly connectMs: number;
  readonly bannerMs: number;
  /** Each reply to RCPT: servers that tarpit strangers take half a minute and more. */
  readonly rcptMs: number;
  /** Any other reply. */
  readonly replyMs: number;
};

/** What sets a profile apart. */
export type Profile = {
  readonly name: PaceProfile;
  readonly times: SmtpTimes;
  /** Factor on every retry delay, cool-down and "so much later" of MAIL.md. */
  readonly timeScale: number;
  /** Provider paces, daily caps, unknown-user brakes. Without them only a host's own refusals slow us down. */
  readonly capped: boolean;
  /** Connections per host in bulk, and the waiting addresses above which the last of them is opened. */
  readonly connections: number;
  readonly secondConnectionAbove: number;
  /**
   * The same where a host takes one command at a time, and a second connection halves what the round trips cost; also
   * the recipients of one transaction there, so that connections can share a visit.
   */
  readonly secondConnectionAboveOneByOne: number;
  /** Connections to a host that holds its refusals back: each of them is good for one. */
  readonly connectionsAtTarpits: number;
  /** Time for which a host that could not be talked to is not tried again. */
  readonly failFastMs: number;
  /** Connections in a row that may end at a recipient without one reply before a visit is given up. */
  readonly fruitlessMax: number;
  /** Whether one operator's hosts share their pace, as they share their policy. */
  readonly perOperator: boolean;
};

export const PROFILES: Readonly<Record<PaceProfile, Profile>> = {
  polite: {
    name: "polite",
    // RFC 5321 4.5.3.2 allows minutes; MAIL.md 4 gives up earlier, because nothing is lost by asking again later. There
    // are hosts that greet after just a minute.
    times: { connectMs: 15_000, bannerMs: 65_000, rcptMs: 60_000, replyMs: 60_000 },
    timeScale: 1,
    capped: true,
    connections: 2,
    secondConnectionAbove: 500,
    secondConnectionAboveOneByOne: 500,
    connectionsAtTarpits: 1,
    failFastMs: 30_000,
    fruitlessMax: 3,
    perOperator: true,
  },
  lab: {
    name: "lab",
    // Short where a local host has no reason to wait; long enough for postscreen (6 s) and Courier's tarpit (32 s).
    times: { connectMs: 2_000, bannerMs: 10_000, rcptMs: 40_000, replyMs: 10_000 },
    // Six minutes become 0.6 s: a list with every kind of trouble ends in minutes rather than hours.
    timeScale: 1 / 600,
    capped: false,
    connections: 2,
    secondConnectionAbove: 200,
    secondConnectionAboveOneByOne: 16,
    connectionsAtTarpits: 8,
    failFastMs: 250,
    fruitlessMax: 12,
    perOperator: false,
  },
};

/**
 * A profile for one who waits for each answer: nobody asks again later, so that a slow host gets the time it may take.
 * A list in the lab is asked again within seconds and does not wait for hosts that never speak.
 */
export const waitingOut = (profile: Profile): Profile => ({
  ...profile,
  times: { ...PROFILES.polite.times, connectMs: profile.times.connectMs },
});
