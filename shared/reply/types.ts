import type { FindingFlag } from "../verdict/types.ts";
import type { Reason, Stage } from "../verdict/vocabulary.ts";

/**
 * Whom or what a reply is about. Only `recipient` and `host` can carry an undeliverable reason; `host` speaks for one
 * mail host, so the caller has to hear it from every MX before it is a fact about the domain.
 */
export type ReplyClass =
  | "accepted"
  | "recipient"
  | "capacity"
  | "sender"
  | "policy"
  | "temporary"
  | "greylist"
  | "rate"
  | "protocol"
  | "relay"
  | "host";

/** Which line of the retry table (MAIL.md 4) a reply falls under. */
export type RetryClass = "reconnect" | "greylist" | "temporary" | "rate" | "connect" | "dns";

/** What a reply means. */
export type Classified = {
  readonly class: ReplyClass;
  readonly reason: Reason;
  /** The row that decided. */
  readonly rule: string;
  readonly flags: readonly FindingFlag[];
  /** A 5xx that does not say whom it is about: only contrast or a known template makes it `mailbox_not_found`. */
  readonly ambiguous: boolean;
  readonly retry: RetryClass | null;
  /** Another network may be asked: the refusal is about where we come from and not a deliberate "do not verify". */
  readonly secondOpinion: boolean;
};

/** Bounces and logs also hold what was answered behind the message itself; no check ever gets so far. */
export type ReplyStage = Stage | "data";

/** One reply and what is known of the session it came from. */
export type ReplyInput = {
  readonly code: number;
  readonly enhanced: string | null;
  readonly text: string;
  readonly stage: ReplyStage;
  readonly provider?: string | null;
  readonly recipient?: string | null;
  readonly helo?: string | null;
  readonly sender?: string | null;
  readonly sourceAddress?: string | null;
};

/**
 * One line of the table. Every condition that is given must hold; `text` holds when any of its phrases is found.
 * Phrases are compared without case and accents; "user~unknown" finds the two close to each other in this order,
 * "user*unknown" at any distance, "no such%user" with a word or two
 * between; "^" and "$" stand for the ends of the text. Matching is plain searches over a bounded text: a server cannot make it slow.
 */
export type ReplyRow = {
  readonly rule: string;
  readonly class: ReplyClass;
  readonly reason: Reason;
  readonly flags?: readonly FindingFlag[];
  /** Overrides the retry class that follows from class and code. */
  readonly retry?: RetryClass | null;
  readonly ambiguous?: boolean;
  readonly secondOpinion?: boolean;
  /** First digit of the code, when the row speaks of one kind only. */
  readonly digit?: 4 | 5;
  readonly codes?: readonly number[];
  /** Enhanced codes without their class: "1.1", a range of the detail: "7.606-649", or "none" where there is none. */
  readonly enhanced?: readonly string[];
  readonly stages?: readonly ReplyStage[];
  readonly providers?: readonly string[];
  readonly text?: readonly string[];
  /** Whole texts, but for an address at their head: a bare "does not exist". They count like a phrase of `text`. */
  readonly alone?: readonly string[];
  /** Phrases that must be absent. */
  readonly not?: readonly string[];
  /** Real replies that justify the row; a test classifies each and expects this row. */
  readonly examples: readonly string[];
};
