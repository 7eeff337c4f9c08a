import type { Profile } from "../pace/profile.ts";
import type { Ending } from "./dialogue-types.ts";
import type { Reply } from "./reply-parser.ts";

/** What to do after a connection ended before anything could be asked. */
export type Recovery = "enough" | "in_clear" | "next_address" | "again" | "give_up";

export type StillbirthContext = {
  /** Other connections to this host, working or being made. */
  readonly live: number;
  readonly untriedAddresses: number;
  /** The one immediate new attempt has been spent. */
  readonly reconnected: boolean;
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
      return ending.stage === "starttls" && !context.inClear ? "in_clear" : "give_up";
    case "quit":
    case "protocol":
      return "give_up";
  }
}

/** Fruitless connections that a host gets which has not answered one question of the visit yet. */
const MUTE_MAX = 6;

/** How many connections in a row may bring a visit nothing before it is given up. */
export function fruitlessMax(
  ending: Ending,
  visit: { readonly atRecipient: boolean; readonly answered: boolean },
  profile: Profile,
): number {
  if (ending.cause === "refused" || !visit.atRecipient) return 2;
  if (ending.cause === "timeout") return visit.answered ? 2 : 1;
  return visit.answered ? profile.fruitlessMax : Math.min(MUTE_MAX, profile.fruitlessMax);
}

/**
 * RFC 5321 4.5.3.1.10: 452 (552 in older servers) after accepted recipients means that the transaction is full; the
 * recipient was not judged. Postfix says "452 4.5.3 Error: too many recipients".
 */
export function isTransactionFull(reply: Reply): boolean {
  if (reply.code !== 452 && reply.code !== 451 && reply.code !== 450 && (reply.code < 550 || reply.code > 554))
    return false;
  return /^[45]\.5\.3\b|too many (?:recipients|rcpt|addressees)|recipients? limit/i.test(reply.text);
}
