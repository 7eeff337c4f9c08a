import { EXIM_RESETS_MAX, FLIGHT_RECIPIENTS, RESETS_MAX, SUSPICION_MARGIN } from "../limits.ts";
import type { Capabilities, Ending } from "./dialogue-types.ts";
import type { HostLimits, HostShell } from "./host-types.ts";
import { isOutOfPatience } from "./recovery.ts";
import { type Connection, isPipelined } from "./visit.ts";

/** What a host has taught us about its limits and habits. */
export type Learnt = {
  /** Recipients per transaction, and per connection. */
  rcptMax: number;
  recipientsMax: number;
  connectionsMax: number;
  transactionsMax: number;
  /** Failed recipients (4xx and 5xx) on one connection before the host loses its patience. */
  errorsMax: number;
  /** A number of failed recipients, and of transactions, at which one connection was cut off; 0 when there was none. */
  errorsSuspected: number;
  transactionsSuspected: number;
  /** STARTTLS is offered and does not work. */
  noTls: boolean;
  /** It breaks off without a word, or answers pipelined commands badly: one question at a time shows at whom. */
  lockStep: boolean;
  /** It holds replies about strangers back. */
  tarpit: boolean;
};

export const nothingLearnt = (): Learnt => ({
  rcptMax: FLIGHT_RECIPIENTS,
  recipientsMax: Number.POSITIVE_INFINITY,
  connectionsMax: Number.POSITIVE_INFINITY,
  transactionsMax: Number.POSITIVE_INFINITY,
  errorsMax: Number.POSITIVE_INFINITY,
  errorsSuspected: 0,
  transactionsSuspected: 0,
  noTls: false,
  lockStep: false,
  tarpit: false,
});

/** Recipients that may join those on the wire. All of them may come back refused. */
export function roomOn(link: Connection, learnt: Learnt, limits: HostLimits, capabilities: Capabilities): number {
  return Math.min(
    learnt.rcptMax,
    capabilities.rcptMax ?? learnt.rcptMax,
    limits.rcptPerConnection - link.asked,
    learnt.recipientsMax - link.asked,
    limits.refusalsPerConnection - link.refused - link.inFlight,
    learnt.errorsMax - link.errors - link.inFlight,
    // A suspicion is tested with as few questions as can confirm it or clear it.
    learnt.errorsSuspected === 0 || link.errors > learnt.errorsSuspected
      ? FLIGHT_RECIPIENTS
      : learnt.errorsSuspected + SUSPICION_MARGIN - link.errors - link.inFlight,
  );
}

/** Connections that so many waiting recipients are worth, as far as the host lets us have them. */
export function connectionsFor(
  waiting: number,
  links: readonly Connection[],
  learnt: Learnt,
  { profile, limits }: Pick<HostShell, "profile" | "limits">,
): number {
  const several = Math.max(limits.connections, profile.connections);
  const oneByOne = links.some((link) => link.capabilities !== null && !isPipelined(link));
  const above = oneByOne ? profile.secondConnectionAboveOneByOne : profile.secondConnectionAbove;
  const wanted = waiting > above ? several : 1;
  const atTarpit = learnt.tarpit ? Math.max(limits.connections, profile.connectionsAtTarpits) : wanted;
  return Math.min(Math.max(wanted, Math.min(atTarpit, waiting)), learnt.connectionsMax);
}

/** The connection has been used as much as the host likes. */
export function isSpent(link: Connection, learnt: Learnt, limits: HostLimits, capabilities: Capabilities): boolean {
  return (
    (learnt.tarpit && link.refused > 0) ||
    link.asked >= Math.min(limits.rcptPerConnection, learnt.recipientsMax) ||
    link.refused >= limits.refusalsPerConnection ||
    link.errors >= learnt.errorsMax ||
    link.transactions > (limits.maxRsets ?? (capabilities.exim ? EXIM_RESETS_MAX : RESETS_MAX)) ||
    link.transactions >= Math.min(capabilities.mailMax ?? learnt.transactionsMax, learnt.transactionsMax)
  );
}

/** Failed recipients before a 421 from which the host's patience is learnt at once; fewer may be chance. */
const ERRORS_LEARNT_MIN = 5;

/**
 * A connection was cut off with questions on the wire. Exim's `drop` conditions, Postfix's smtpd_hard_error_limit,
 * Haraka's bad recipient counter and the like close after so many refusals, often two or three: the same number twice
 * in a row is believed. Limits on transactions are learnt likewise.
 */
export function learnFromCut(link: Connection, ending: Ending, learnt: Learnt): void {
  const { reply, stage } = ending;
  const patience = reply !== null && isOutOfPatience(reply);
  const aboutTransaction = (stage === "mail" || stage === "rset") && !patience;
  if (aboutTransaction && (reply !== null || link.errors === 0)) {
    // A server that refuses to reset takes one transaction.
    learnTransactions(link, learnt, stage === "rset" && reply !== null && reply.code !== 421);
  } else if (link.errors > 0) {
    const certain = patience || (ending.cause === "refused" && link.errors >= ERRORS_LEARNT_MIN);
    if (certain || learnt.errorsSuspected === link.errors) {
      learnt.errorsMax = Math.min(learnt.errorsMax, link.errors);
      learnt.errorsSuspected = 0;
    } else learnt.errorsSuspected = link.errors;
  }
}

/** The connection took so many transactions and no more. */
export function learnTransactions(link: Connection, learnt: Learnt, certain: boolean): void {
  if (link.granted === 0) return;
  if (certain || learnt.transactionsSuspected === link.granted) {
    learnt.transactionsMax = Math.min(learnt.transactionsMax, link.granted);
    learnt.transactionsSuspected = 0;
  } else learnt.transactionsSuspected = link.granted;
}

/** The connection has lived beyond the point at which another one was cut off: that was chance. */
export function clearSuspicion(link: Connection, learnt: Learnt): void {
  if (learnt.errorsSuspected > 0 && link.errors > learnt.errorsSuspected) learnt.errorsSuspected = 0;
  if (learnt.transactionsSuspected > 0 && link.granted > learnt.transactionsSuspected) learnt.transactionsSuspected = 0;
}
