import type { Ask, Capabilities, Ending, Flight } from "./dialogue-types.ts";
import type { Path } from "./path.ts";
import { Greeting } from "./transcript.ts";

/** Why a recipient has no reply. */
export type Trouble =
  | Ending
  | { readonly cause: "smtputf8" }
  | { readonly cause: "paused" }
  | { readonly cause: "cancelled" };

/** A recipient on its way through a host's queue. Exactly one of `reply` and `trouble` is set when its visit is over. */
export type Question = Ask & {
  trouble: Trouble | null;
  /** The connection that answered, as a number; replies of one session are read together. */
  session: number;
  /** Dialogues that ended when this recipient's reply was due. */
  drops: number;
  /** What was said about this recipient, where a transcript is wanted. */
  lines: string[] | null;
};

export const question = (path: Path, utf8: boolean): Question => ({
  path,
  utf8,
  reply: null,
  trouble: null,
  session: 0,
  drops: 0,
  lines: null,
});

/** Recipients of one domain to ask one host about, and what comes of it. */
export type Visit = {
  readonly sender: Path;
  readonly questions: readonly Question[];
  /** Goes before bulk and may open a connection of its own. */
  readonly urgent: boolean;
  /** Not on a connection that has been used before. */
  readonly fresh: boolean;
  /** Keep what is said about each recipient. */
  readonly record: boolean;
  /** Set by the asker who no longer waits. */
  cancelled: boolean;
  /** Questions not yet on the wire, in order. */
  todo: Question[];
  /** Questions without reply or trouble. */
  open: number;
  /** Connections that ended without bringing this visit one reply. */
  fruitless: number;
  /** Connections that broke with questions of this visit on the wire. */
  broken: number;
  /** TLS version of the connection that answered last. */
  tls: string | null;
  readonly done: () => void;
};

/** The line on which a visit travels. */
export type Run = { readonly flight: Flight; readonly asks: readonly Question[]; readonly visit: Visit };

export type Connection = {
  readonly serial: number;
  readonly greeting: Greeting;
  capabilities: Capabilities | null;
  readonly runs: Run[];
  /** Commands go one at a time, whatever the server offers. */
  readonly lockStep: boolean;
  /** Recipients on the wire, asked so far, answered so far; refused for good, and refused at all. */
  inFlight: number;
  asked: number;
  answered: number;
  refused: number;
  errors: number;
  /** The latest recipient that was refused for good. */
  lastRefused: Question | null;
  /** The refusal of MAIL, where nothing had been answered before. */
  refusal: Ending | null;
  /** Transactions begun, and those whose MAIL was granted. */
  transactions: number;
  granted: number;
  /** The host has said that it has had enough of this connection: nothing it says after that is about a recipient. */
  worn: boolean;
  /** Takes no new work: QUIT once its flights are home. */
  retired: boolean;
};

let serials = 0;

/** A connection on which nothing has happened yet. */
export const newConnection = (lockStep: boolean): Connection => {
  serials += 1;
  return {
    serial: serials,
    greeting: new Greeting(),
    capabilities: null,
    runs: [],
    lockStep,
    inFlight: 0,
    asked: 0,
    answered: 0,
    refused: 0,
    errors: 0,
    lastRefused: null,
    refusal: null,
    transactions: 0,
    granted: 0,
    worn: false,
    retired: false,
  };
};

/** Up to `most` waiting questions of one kind; those that the host cannot take at all are settled here. */
export function takeQuestions(visit: Visit, most: number, capabilities: Capabilities): Question[] {
  const taken: Question[] = [];
  let used = 0;
  for (const asked of visit.todo) {
    if (taken.length === most) break;
    if (taken[0] !== undefined && taken[0].utf8 !== asked.utf8) break;
    used += 1;
    if (asked.utf8 && !capabilities.smtputf8) fail(visit, asked, { cause: "smtputf8" });
    else taken.push(asked);
  }
  visit.todo = used === visit.todo.length ? [] : visit.todo.slice(used);
  return taken;
}

/** Marks a question as answered by trouble, and its visit as over when it was the last. */
export function fail(visit: Visit, asked: Question, trouble: Trouble): void {
  if (asked.reply !== null || asked.trouble !== null) return;
  asked.trouble = trouble;
  visit.open -= 1;
}

/** Ends every question of a visit that is still open. */
export function failAll(visit: Visit, trouble: Trouble): void {
  for (const asked of visit.questions) fail(visit, asked, trouble);
  visit.todo = [];
}

/** Whether commands go out together on a connection: offered by the host, and not known to end badly. */
export const isPipelined = (link: Connection): boolean => !link.lockStep && link.capabilities?.pipelining === true;
