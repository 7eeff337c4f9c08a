import { CONNECT_TRY_SHARE } from "../limits.ts";
import type { Profile, SmtpTimes } from "../pace/profile.ts";
import type { Ending } from "./dialogue-types.ts";
import type { Reply } from "./reply-parser.ts";

/** What to do after a connection ended before anything could be asked. */
export type Recovery = "enough" | "in_clear" | "next_address" | "again" | "rest" | "give_up";

export type StillbirthContext = {
  /** Other connections to this host, working or being made. */
  readonly live: number;
  readonly untriedAddresses: number;
  /** The one immediate new attempt has been spent. */
  readonly reconnected: boolean;
  /** The host has answered questions before. */
  readonly served: boolean;
  /** The connection would not have used STARTTLS. */
  readonly inClear: boolean;
};

/**
 * MAIL.md 4: after a reset or a TLS failure once more at once, in clear after a TLS failure; an address that cannot be
 * reached gives way to the host's next one. A refusal in words is not asked again, and what smuggled itself into the handshake is left unread.
 */
export function afterStillbirth(ending: Ending, context: StillbirthContext): Recovery {
  if (context.live > 0 && ending.cause !== "tls" && ending.cause !== "attack") return "enough";
  switch (ending.cause) {
    case "connect":
      // Taken and reset in one breath: whether the connection had come about by then is a matter of chance.
      if (ending.detail === "ECONNRESET" && !context.reconnected) return "again";
      return context.untriedAddresses > 0 ? "next_address" : "give_up";
    case "timeout":
      if (ending.stage === "starttls" && !context.inClear) return "in_clear";
      return ending.stage === "connect" && context.untriedAddresses > 0 ? "next_address" : "give_up";
    // Nothing that is said in clear is secret: addresses are asked about, no credentials, no mail.
    case "tls":
    case "attack":
      return context.inClear ? "give_up" : "in_clear";
    case "closed":
      if (ending.stage === "starttls" && !context.inClear) return "in_clear";
      return context.reconnected ? "give_up" : "again";
    case "refused":
      if (ending.stage === "starttls" && !context.inClear) return "in_clear";
      // "421 Too many concurrent SMTP connections" from a host that has just served us: it is still clearing away.
      return context.served && !context.reconnected && ending.reply?.code === 421 ? "rest" : "give_up";
    case "quit":
    case "protocol":
      return "give_up";
  }
}

/** RFC 8305 in small: an address that stays silent gives way early while the host has others. */
export const timesOfTry = (times: SmtpTimes, untriedAddresses: number): SmtpTimes =>
  untriedAddresses > 0 ? { ...times, connectMs: times.connectMs * CONNECT_TRY_SHARE } : times;

/** Fruitless connections that a host gets which has not answered one question of the visit yet. */
const MUTE_MAX = 6;

/** How many connections in a row may bring a visit nothing before it is given up. */
export function fruitlessMax(
  ending: Ending,
  visit: { readonly atRecipient: boolean; readonly answered: boolean; readonly stumbled: boolean },
  profile: Profile,
): number {
  if (ending.cause === "refused" || !visit.atRecipient) return 2;
  if (ending.cause === "timeout") return visit.answered || visit.stumbled ? 2 : 1;
  return visit.answered ? profile.fruitlessMax : Math.min(MUTE_MAX, profile.fruitlessMax);
}

/**
 * RFC 5321 4.5.3.1.10: 452 (552 in older servers) means that the transaction is full; the recipient was not judged.
 * Postfix says "452 4.5.3 Error: too many recipients".
 */
export function isTransactionFull(reply: Reply): boolean {
  if (reply.code !== 452 && reply.code !== 451 && reply.code !== 450 && (reply.code < 550 || reply.code > 554))
    return false;
  return FULL.test(reply.text);
}
const FULL = /^[45]\.5\.3\b|too many (?:recipients|rcpt|addressees)|recipients? limit/i;

/**
 * The last word of a host that counts refusals: Haraka's "550 too many unrecognized recipients", Exim's customary
 * "550 Too many failed recipients". Whoever happened to be asked then was not judged.
 */
export const isOutOfPatience = (reply: Reply): boolean => ENOUGH.test(reply.text);
const ENOUGH =
  /too many (?:bad|invalid|unknown|unrecogni[sz]ed|un?existing|non-?existent|failed|failures|rejected|wrong|incorrect|faulty|errors|invalid or unknown)/i;

/** 500, 502 and 503 to RCPT speak of the command: where several went out together, it may have been torn or lost. */
export const isCommandError = (reply: Reply): boolean => reply.code === 503 || reply.code === 500 || reply.code === 502;
