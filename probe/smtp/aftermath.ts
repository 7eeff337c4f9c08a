import { replyTemplate } from "../../shared/reply/normalise.ts";
import { HELD_FLIGHT_RECIPIENTS } from "../limits.ts";
import type { Profile } from "../pace/profile.ts";
import type { Ending } from "./dialogue-types.ts";
import { clearSuspicion, type Learnt, learnFromCut, learnTransactions } from "./learnt.ts";
import { fruitlessMax, isCommandError, isOutOfPatience, isTransactionFull } from "./recovery.ts";
import type { Reply } from "./reply-parser.ts";
import { exchangeOf } from "./transcript.ts";
import { type Connection, fail, failAll, isPipelined, type Question, type Run, type Visit } from "./visit.ts";

/** Detail of an ending that was our own choice. */
export const TARPIT = "tarpit";

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
  if (flight.refused !== null) return takeRefusal(link, asks, visit, flight.refused, learnt);
  if (isPipelined(link) && isOutOfStep(asks)) {
    unsay([run]);
    link.worn = true;
    link.retired = true;
    learnt.lockStep = true;
    return asks.filter(isOpen);
  }
  const before = link.lastRefused;
  const again = takeReplies(link, asks, visit, learnt);
  const doubtful = mayBeGoodbye(link, asks, before);
  if (doubtful !== null) {
    takeBack(link, visit, doubtful);
    again.push(doubtful);
  }
  clearSuspicion(link, learnt);
  return again;
}

function takeReplies(link: Connection, asks: readonly Question[], visit: Visit, learnt: Learnt): Question[] {
  const again: Question[] = [];
  let judged = 0;
  let beyond = false;
  for (const asked of asks) {
    const { reply } = asked;
    if (reply === null) continue;
    if (reply.code >= 400 || link.worn || beyond) {
      if (!isJudgement(link, asks.length, reply, judged, beyond, learnt)) {
        beyond = true;
        asked.reply = null;
        if (asked.trouble === null) again.push(asked);
        continue;
      }
      if (reply.code >= 400) link.errors += 1;
      if (reply.code >= 500) {
        link.refused += 1;
        link.lastRefused = asked;
      }
    }
    asked.session = link.serial;
    judged += 1;
    if (asked.trouble === null) visit.open -= 1;
  }
  link.answered += judged;
  if (judged > 0 || beyond) link.granted += 1;
  if (judged > 0) visit.fruitless = 0;
  const only = asks.length === 1 && link.answered === 1 ? asks[0] : undefined;
  if (only?.reply && isTransactionFull(only.reply)) {
    // No room for one recipient on a fresh connection: there is none for the others.
    failAll(visit, { cause: "refused", stage: "rcpt", reply: only.reply, detail: "no room for anybody", ask: only });
    return [];
  }
  return again;
}

/** Somebody is refused in the name of the recipient before: the host has answered something twice. */
function isOutOfStep(asks: readonly Question[]): boolean {
  for (let i = 1; i < asks.length; i += 1) {
    const { reply, path } = asks[i] ?? { reply: null, path: "" };
    if (reply === null || reply.code < 500 || reply.text.includes(path)) continue;
    const previous = asks[i - 1]?.path ?? path;
    if (reply.text.includes(`<${previous}>`)) return true;
  }
  return false;
}

/**
 * Whether a reply is about its recipient, or about how many there were, of whatever kind. Each "no" needs an answer on
 * this connection or a lesson that can be learnt once: asking again comes to an end.
 */
function isJudgement(
  link: Connection,
  size: number,
  reply: Reply,
  judged: number,
  beyond: boolean,
  learnt: Learnt,
): boolean {
  if (link.worn) return false;
  if (isTransactionFull(reply)) {
    if (beyond) return false;
    if (judged > 0) learnt.rcptMax = Math.min(learnt.rcptMax, judged);
    else if (link.answered > 0) {
      learnt.recipientsMax = Math.min(learnt.recipientsMax, link.answered);
      link.retired = true;
    } else if (size > 1) learnt.rcptMax = 1;
    else return true;
    return false;
  }
  // Beyond a limit a refusal may be the counter's as well.
  if (beyond) return reply.code < 400;
  if (link.errors > 0 && isOutOfPatience(reply)) learnt.errorsMax = Math.min(learnt.errorsMax, link.errors);
  else if (isPipelined(link) && isCommandError(reply)) learnt.lockStep = true;
  else return true;
  link.worn = true;
  link.retired = true;
  return false;
}

/** MAIL was refused: nobody in the flight has been asked. */
function takeRefusal(
  link: Connection,
  asks: readonly Question[],
  visit: Visit,
  reply: Reply,
  learnt: Learnt,
): readonly Question[] {
  if (link.worn) return asks.filter(isOpen);
  // After good work on this connection a refusal of MAIL may be about the connection ("503 nested MAIL", "too many
  // messages in this session"): a new one shows.
  const torn = isPipelined(link) && isCommandError(reply) && reply.code !== 503;
  if ((link.answered > 0 || torn) && visit.broken <= mostBroken(visit)) {
    visit.broken += 1;
    if (torn) learnt.lockStep = true;
    else learnTransactions(link, learnt, reply.code === 503);
    link.worn = true;
    link.retired = true;
    return asks.filter(isOpen);
  }
  // Nothing in it is about one recipient or another: the rest of the visit would hear the same.
  link.refusal = { cause: "refused", stage: "mail", reply, detail: "MAIL refused", ask: null };
  failAll(visit, link.refusal);
  return [];
}

/** Beyond any reason: each question is worth so many connections and no more. */
const mostBroken = (visit: Visit): number => DROPS_MAX * visit.questions.length + BROKEN_MIN;

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
  /** What it broke on had been understood before, here or on another connection. */
  readonly outdated: boolean;
  /** Several commands were on the wire, and the host may have stumbled over just that. */
  readonly stumbled: boolean;
};

/**
 * What becomes of the questions on a connection that broke. Each is answered by now, asked again within bounds, or
 * given the trouble that befell it. `link.runs` is empty afterwards.
 */
export function afterBreak(link: Connection, ending: Ending, learnt: Learnt, profile: Profile): readonly Return[] {
  const runs = link.runs.splice(0);
  const answeredBefore = link.answered;
  const stumbled = runs.length > 0 && hasStumbled(link, ending);
  const wasLearnt = stumbled && learnt.lockStep;
  if (stumbled) {
    unsay(runs);
    learnt.lockStep = true;
    learnt.rcptMax = Math.min(learnt.rcptMax, HELD_FLIGHT_RECIPIENTS);
  }
  const returns: Return[] = runs.map((run) => ({
    visit: run.visit,
    again: takeFlight(link, run, learnt).filter(isOpen),
    later: [],
  }));
  const returned = new Set(returns.flatMap((one) => one.again));
  const lost = runs.map((run) => run.asks.filter((asked) => isOpen(asked) && !returned.has(asked)));
  const unanswered = lost.reduce((sum, asks) => sum + asks.length, 0);
  const fruitful = link.answered > answeredBefore;
  const cutOff = ending.cause === "closed" || ending.cause === "refused";
  const stale = ending.detail === TARPIT || (cutOff && answeredBefore > 0 && !fruitful);
  if (unanswered > 0 && cutOff && !link.worn && ending.detail !== TARPIT) learnFromCut(link, ending, learnt);
  // Replies may have been lost behind a reset: from now on one question at a time, so that blame falls right.
  const abrupt = ending.cause === "closed" || ending.cause === "protocol";
  if (abrupt && !stale && !fruitful && unanswered > 1) learnt.lockStep = true;
  // Whoever is refused at MAIL and shown the door is told why, and so are those who stood behind.
  const reason = ending.cause === "closed" && !fruitful && link.refusal !== null ? link.refusal : ending;
  const how = { stale, outdated: wasLearnt || link.worn, fruitful, alone: link.lockStep || link.asked === 1, stumbled };
  for (const visit of new Set(runs.map((run) => run.visit))) {
    const mine = lost.flatMap((asks, i) => (runs[i]?.visit === visit ? asks : []));
    if (mine.length > 0 && !visit.cancelled) returns.push(recover(visit, mine, reason, how, profile));
  }
  return returns;
}

/**
 * Silence or nonsense in answer to several commands at once. Sendmail's BadRcptThrottle holds every reply back while
 * more input waits; some servers and filters answer one command of a segment and lose the others, and then the replies
 * that did come may be anybody's.
 */
function hasStumbled(link: Connection, ending: Ending): boolean {
  return isPipelined(link) && (ending.cause === "timeout" || ending.cause === "protocol");
}

/** Forgets the replies to flights that did not come home whole. */
function unsay(runs: readonly Run[]): void {
  for (const { asks } of runs) for (const asked of asks) asked.reply = null;
}

/**
 * The last refusal of a flight, in other words than those before it on this connection and without a word about its
 * recipient: Exim's `drop` says goodbye in whatever words the postmaster chose ("550 Administrative prohibition") to
 * whoever is next after so many refusals. Whoever heard it is asked again.
 * @param before a refusal of an earlier flight, if there was one
 */
function mayBeGoodbye(link: Connection, asks: readonly Question[], before: Question | null): Question | null {
  const last = asks.findLast((asked) => asked.reply !== null);
  const reply = last?.reply;
  if (last === undefined || !reply || reply.code < 500 || link.errors < 2 || last.drops >= DROPS_MAX) return null;
  if (/^5\.[12]\./.test(reply.text) || reply.text.includes(last.path)) return null;
  const known = before !== null && sameWords(before, last);
  return known || asks.some((asked) => asked !== last && sameWords(asked, last)) ? null : last;
}

function sameWords(one: Question, other: Question): boolean {
  if (one.reply === null || other.reply === null || one.reply.code < 500) return false;
  if (one.reply.text === other.reply.text) return true;
  return replyTemplate(one.reply.text, one.path) === replyTemplate(other.reply.text, other.path);
}

/** An answer that is not believed. */
function takeBack(link: Connection, visit: Visit, asked: Question): void {
  asked.reply = null;
  asked.drops += 1;
  if (asked.trouble === null) visit.open += 1;
  link.answered -= 1;
  link.errors -= 1;
  link.refused -= 1;
}

function recover(visit: Visit, mine: readonly Question[], ending: Ending, how: Breakage, profile: Profile): Return {
  const culprit = mine.find((asked) => asked === ending.ask) ?? null;
  visit.broken += 1;
  if (how.fruitful || how.stale) visit.fruitless = 0;
  else if (!how.outdated) visit.fruitless += 1;
  const answered = visit.open < visit.questions.length;
  const most = fruitlessMax(ending, { atRecipient: culprit !== null, answered, stumbled: how.stumbled }, profile);
  if (visit.fruitless >= most || visit.broken > mostBroken(visit)) {
    failAll(visit, ending);
    return { visit, again: [], later: [] };
  }
  if (culprit !== null && !how.stale && !how.stumbled) {
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
