import type { Stage } from "../../shared/verdict/vocabulary.ts";
import type { Path } from "./path.ts";
import type { Reply } from "./reply-parser.ts";

/** A recipient to ask about. The machine writes the server's answer into it. */
export type Ask = {
  readonly path: Path;
  /** The path needs SMTPUTF8 (RFC 6531). */
  readonly utf8: boolean;
  reply: Reply | null;
};

/** One transaction: MAIL and its recipients, in one write where the server offers PIPELINING. */
export type Flight = {
  readonly sender: Path;
  readonly utf8: boolean;
  readonly asks: readonly Ask[];
  /** The reply to MAIL, when it was refused: no recipient has been asked then. */
  refused: Reply | null;
  /** The reply to MAIL, when it was granted. */
  opened?: Reply;
};

/** What the server said it can do. */
export type Capabilities = {
  readonly esmtp: boolean;
  readonly pipelining: boolean;
  readonly smtputf8: boolean;
  readonly eightBit: boolean;
  readonly startTls: boolean;
  /** RFC 9422 LIMITS: recipients per transaction and transactions per connection; null when not said. */
  readonly rcptMax: number | null;
  readonly mailMax: number | null;
  readonly exim: boolean;
  /** Protocol version of the TLS connection, or null in clear text. */
  readonly tls: string | null;
};

/** How a dialogue came to its end. `reply` is what the server last said about the end, if it said anything. */
export type Ending = {
  readonly cause: "quit" | "refused" | "closed" | "timeout" | "protocol" | "attack" | "tls" | "connect";
  readonly stage: Stage;
  readonly reply: Reply | null;
  readonly detail: string;
  /** The recipient whose reply was awaited, or that got the refusal that ended everything. */
  readonly ask: Ask | null;
};

export type DialogueEvent =
  | { readonly kind: "data"; readonly text: string }
  | { readonly kind: "secured"; readonly protocol: string }
  | { readonly kind: "closed"; readonly detail: string }
  | { readonly kind: "tls_failed"; readonly detail: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "flight"; readonly flight: Flight }
  | { readonly kind: "quit" };

export type DialogueCommand =
  | { readonly kind: "write"; readonly text: string; readonly utf8: boolean }
  | { readonly kind: "secure" }
  | { readonly kind: "ready"; readonly capabilities: Capabilities }
  | { readonly kind: "answered"; readonly flight: Flight }
  /** The socket has to be destroyed now; flights not answered by now will not be. */
  | { readonly kind: "end"; readonly ending: Ending };

export type DialogueOptions = {
  readonly helo: string;
  /** Use STARTTLS where it is offered. */
  readonly startTls: boolean;
  /** Send a transaction in one write where PIPELINING is offered. */
  readonly pipeline: boolean;
};
