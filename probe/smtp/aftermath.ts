import { FLIGHT_RECIPIENTS } from "../limits.ts";
import type { Profile } from "../pace/profile.ts";
import type { Ending } from "./dialogue-types.ts";
import { fruitlessMax, isTransactionFull } from "./recovery.ts";
import type { Reply } from "./reply-parser.ts";
import { exchangeOf } from "./transcript.ts";
import { type Connection, fail, failAll, type Question, type Run, type Visit } from "./visit.ts";

/** What a host has taught us about its limits and habits. */
export type Learnt = {
  /** Recipients per transaction. */
  rcptMax: number;
  connectionsMax: number;
  /** Refusals on one connection before the host loses its patience. */
  refusalsMax: number;
  /** STARTTLS is offered and does not work. */
  noTls: boolean;
  /** It breaks off without a word: one question at a time shows at whom. */
  lockStep: boolean;
  /** It holds replies about strangers back. */
  tarpit: boolean;
};

export const nothingLearnt = (refusalsMax: number): Learnt => ({
  rcptMax: FLIGHT_RECIPIENTS,
  connectionsMax: Number.POSITIVE_INFINITY,
  refusalsMax,
  noTls: false,
  lockStep: false,
  tarpit: false,
});

/** Detail of an ending that was our own choice. */
export const TARPIT = "tarpit";

/** Refusals before a 421 from which the host's patience is learnt; fewer are chance. */
const ERRORS_LEARNT_MIN = 5;
/** Dialogues that may end at one recipient before it is blamed. */
const DROPS_MAX = 2;
/** Connections that may break under a visit however few its questions are. */
const BROKEN_MIN = 4;

/**
 * Takes over what a flight brought home, or has brought by the time its connection broke.
 * @returns questions that were not judged and have to be asked again
 */
export function takeFlight(link: Connection, run: Run, learnt: Learnt): readonly Question[] {
  const { flight, asks, visit } = run;
  visit.tls = link.capabilities?.tls ?? null;
  if (visit.record) for (const asked of asks) asked.lines = exchangeOf(link.greeting, flight, asked);
  return flight.refused === null
    ? takeReplies(link, asks, visit, learnt)
    : takeRefusal(link, asks, visit, flight.refused);
}

function takeReplies(link: Connection, asks: readonly Question[], visit: Visit, learnt: Learnt): readonly Question[] {
  let accepted = 0;
  let answered = 0;
  const again: Question[] = [];
  for (const asked of asks) {
    const { reply } = asked;
    if (reply === null) continue;
    if (reply.code < 300) accepted += 1;
    else if (accepted > 0 && isTransactionFull(reply)) {
      learnt.rcptMax = Math.min(learnt.rcptMax, accepted);
      asked.reply = null;
      again.push(asked);
      continue;
    } else if (reply.code >= 500) link.refused += 1;
    asked.session = link.serial;
    answered += 1;
    if (asked.trouble === null) visit.open -= 1;
  }
  link.answered += answered;
  if (answered > 0) visit.fruitless = 0;
  return again;
}

/** MAIL was refused: nobody in the flight has been asked. */
function takeRefusal(link: Connection, asks: readonly Question[], visit: Visit, reply: Reply): readonly Question[] {
  // After good work on this connection a temporary refusal of MAIL is about the connection: a new one may do.
  if (reply.code < 500 && link.answered > 0 && visit.fruitless === 0) {
    visit.fruitless += 1;
    link.retired = true;
    return asks;
  }
  // Nothing in it is about one recipient or another: the rest of the visit would hear the same.
  failAll(visit, { cause: "refused", stage: "mail", reply, detail: "MAIL refused", ask: null });
  return [];
}

/** Questions of one visit to ask again, at once and after all others. */
export type Return = {
  readonly visit: Visit;
  readonly again: readonly Question[];
  readonly later: readonly Question[];
};

type Breakage = {
  /** Replies came on this connection before it broke, to the flights that were under way. */
  readonly fruitful: boolean;
  /** An idle connection that the server had just closed, or one that we left: nobody was asked, nobody is to blame. */
  readonly stale: boolean;
  /** One question was on the wire at a time. */
  readonly alone: boolean;
};

/**
 * What becomes of the questions on a connection that broke. Each is answered by now, asked again within bounds, or
 * given the trouble that befell it. `link.runs` is empty afterwards.
 */
export function afterBreak(
  link: Connection & { readonly lockStep: boolean },
  ending: Ending,
  learnt: Learnt,
  profile: Profile,
): readonly Return[] {
  const runs = link.runs.splice(0);
  const answeredBefore = link.answered;
  const returns: Return[] = runs.map((run) => ({
    visit: run.visit,
    again: takeFlight(link, run, learnt).filter(isOpen),
    later: [],
  }));
  const fruitful = link.answered > answeredBefore;
  const stale = ending.detail === TARPIT || (ending.cause === "closed" && answeredBefore > 0 && !fruitful);
  if (ending.cause === "refused" && link.refused >= ERRORS_LEARNT_MIN) {
    learnt.refusalsMax = Math.min(learnt.refusalsMax, link.refused - 1);
  }
  const returned = new Set(returns.flatMap((one) => one.again));
  const lost = runs.map((run) => run.asks.filter((asked) => isOpen(asked) && !returned.has(asked)));
  const unanswered = lost.reduce((sum, asks) => sum + asks.length, 0);
  // Replies may have been lost behind a reset: from now on one question at a time, so that blame falls right.
  const abrupt = ending.cause === "closed" || ending.cause === "protocol";
  if (abrupt && !stale && !fruitful && unanswered > 1) learnt.lockStep = true;
  const how = { stale, fruitful, alone: link.lockStep || link.asked === 1 };
  for (const visit of new Set(runs.map((run) => run.visit))) {
    const mine = lost.flatMap((asks, i) => (runs[i]?.visit === visit ? asks : []));
    if (mine.length > 0 && !visit.cancelled) returns.push(recover(visit, mine, ending, how, profile));
  }
  return returns;
}

function recover(visit: Visit, mine: readonly Question[], ending: Ending, how: Breakage, profile: Profile): Return {
  const culprit = mine.find((asked) => asked === ending.ask) ?? null;
  visit.broken += 1;
  visit.fruitless = how.fruitful || how.stale ? 0 : visit.fruitless + 1;
  const answered = visit.open < visit.questions.length;
  const most = fruitlessMax(ending, { atRecipient: culprit !== null, answered }, profile);
  // Beyond any reason: each question is worth so many connections and no more.
  if (visit.fruitless >= most || visit.broken > DROPS_MAX * visit.questions.length + BROKEN_MIN) {
    failAll(visit, ending);
    return { visit, again: [], later: [] };
  }
  if (culprit !== null && !how.stale) {
    culprit.drops += 1;
    // A close may belong to the reply before it. Blame needs a connection that ended at this question and no other.
    const certain = culprit.drops >= DROPS_MAX && !how.fruitful && how.alone;
    if (ending.cause === "timeout" || certain) fail(visit, culprit, ending);
  }
  // A host that has not answered anything yet is asked about somebody else next.
  const later = !answered && culprit !== null && isOpen(culprit) ? [culprit] : [];
  return { visit, again: mine.filter((asked) => isOpen(asked) && !later.includes(asked)), later };
}

const isOpen = (asked: Question): boolean => asked.reply === null && asked.trouble === null;
