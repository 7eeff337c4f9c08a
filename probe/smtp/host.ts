import {
  EXIM_RESETS_MAX,
  FLIGHT_RECIPIENTS,
  FLIGHTS_IN_FLIGHT,
  RESETS_MAX,
  SMALL_FLIGHTS_IN_FLIGHT,
  TARPIT_FLIGHT_RECIPIENTS,
} from "../limits.ts";
import type { Profile } from "../pace/profile.ts";
import type { Capabilities, Ending, Flight } from "./dialogue-types.ts";
import { afterStillbirth, fruitlessMax, isTransactionFull } from "./recovery.ts";
import type { Reply } from "./reply-parser.ts";
import { Session } from "./session.ts";
import { type Connection, fail, failAll, type Question, type Run, type Trouble, type Visit } from "./visit.ts";

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
  readonly limits: HostLimits;
  readonly now: () => number;
  readonly record: ((host: string, direction: ">" | "<", text: string) => void) | null;
  /** Asks for room for `wanted` recipients. */
  grant(wanted: number, urgent: boolean): Grant;
  /** A socket may be opened now; false means: wait, `wake` will be called. */
  admit(): boolean;
  /** A socket has gone. */
  released(): void;
  /** A connection attempt came to this. */
  connected(good: boolean): void;
  /** A connection has nothing to do; the pool may tell it to go. */
  idle(queue: HostQueue): void;
  /** Nothing is left here: no work and no connection. */
  empty(queue: HostQueue): void;
};

/** Detail of an ending that was our own choice. */
const TARPIT = "tarpit";

/** Recipients that may be sent now; with none, either a time to come back or a pause too long to wait for. */
export type Grant = { readonly recipients: number; readonly waitMs: number | null };

type Link = Connection & {
  session: Session | null;
  readonly addressIndex: number;
  readonly startTls: boolean;
  readonly lockStep: boolean;
};

/** Refusals before a 421 from which the host's patience is learnt; fewer are chance. */
const ERRORS_LEARNT_MIN = 5;
/** Dialogues that may end at one recipient before it is blamed. */
const DROPS_MAX = 2;
/** Connections that may break under a visit however few its questions are. */
const BROKEN_MIN = 4;

/** How a connection broke: with replies to this visit's questions, after a pause, with one question at a time. */
type Breakage = { readonly fruitful: boolean; readonly stale: boolean; readonly alone: boolean };

let serials = 0;

/**
 * Everything that is asked of one host address from one source address: the waiting visits, the few connections they
 * share, and what the host has taught us about its limits. Whatever ends a connection, each question either gets its
 * reply, is asked again within bounds, or gets the trouble that befell it: a reply is never guessed.
 */
export class HostQueue {
  readonly target: Target;
  readonly #shell: HostShell;
  readonly #links = new Set<Link>();
  #urgent: Visit[] = [];
  #bulk: Visit[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closing: (() => void) | null = null;
  /** Learnt: recipients per transaction, connections at once, errors before the host loses patience. */
  #rcptMax = FLIGHT_RECIPIENTS;
  #connectionsMax = Number.POSITIVE_INFINITY;
  #refusalsMax: number;
  #noTls = false;
  #lockStep = false;
  #tarpit = false;
  #reconnected = false;
  #failing: { readonly ending: Ending; readonly untilMs: number } | null = null;
  #addressIndex = 0;

  constructor(target: Target, shell: HostShell) {
    this.target = target;
    this.#shell = shell;
    this.#refusalsMax = shell.limits.refusalsPerConnection;
  }

  get isIdle(): boolean {
    return this.#urgent.length + this.#bulk.length === 0 && [...this.#links].every((link) => link.runs.length === 0);
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Takes a visit in; its `done` is called once, never before this returns. */
  submit(visit: Visit): void {
    const failing = this.#failing;
    if (failing !== null && this.#links.size === 0 && this.#shell.now() < failing.untilMs) {
      queueMicrotask(() => this.#giveUp(visit, failing.ending));
      return;
    }
    if (visit.fresh) for (const link of this.#links) this.#retire(link);
    (visit.urgent ? this.#urgent : this.#bulk).push(visit);
    this.pump();
  }

  /** Drops the questions of a visit that nobody waits for; those on the wire come home unheard. */
  cancel(visit: Visit): void {
    visit.cancelled = true;
    failAll(visit, { cause: "cancelled" });
    this.#settle(visit);
  }

  /** Gives up an idle connection politely. Returns false when there is none. */
  shedIdle(): boolean {
    for (const link of this.#links) {
      if (link.runs.length === 0 && link.capabilities !== null && !link.retired) {
        this.#retire(link);
        return true;
      }
    }
    return false;
  }

  /** Ends all work with trouble and all connections with QUIT; resolves when the last socket is gone. */
  close(): Promise<void> {
    for (const visit of [...this.#urgent, ...this.#bulk]) this.cancel(visit);
    for (const link of this.#links) for (const run of link.runs) this.cancel(run.visit);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const gone = new Promise<void>((resolve) => {
      this.#closing = resolve;
    });
    for (const link of [...this.#links]) {
      if (link.capabilities !== null && link.runs.length === 0) this.#retire(link);
      else link.session?.destroy("closing");
    }
    this.#afterChange();
    return gone;
  }

  /** Puts waiting questions on the wire as far as pace, limits and connections allow. */
  pump(): void {
    if (this.#closing !== null) return;
    for (const link of this.#links) {
      if (link.capabilities !== null && !link.retired) this.#fill(link, link.capabilities);
    }
    const waiting = this.#waiting();
    if (waiting > 0) this.#maybeOpen(waiting);
    this.#afterChange();
  }

  #waiting(): number {
    let waiting = 0;
    for (const visit of this.#urgent) waiting += visit.todo.length;
    for (const visit of this.#bulk) waiting += visit.todo.length;
    return waiting;
  }

  #nextVisit(): Visit | null {
    for (const lane of [this.#urgent, this.#bulk]) {
      while (lane[0] !== undefined && lane[0].todo.length === 0) lane.shift();
      if (lane[0] !== undefined) return lane[0];
    }
    return null;
  }

  #fill(link: Link, capabilities: Capabilities): void {
    while (this.#hasRoom(link, capabilities)) {
      const visit = this.#nextVisit();
      if (visit === null) return;
      const most = Math.min(
        this.#rcptMax,
        capabilities.rcptMax ?? this.#rcptMax,
        this.#shell.limits.rcptPerConnection - link.asked,
        this.#refusalsMax - link.refused - link.inFlight,
      );
      const grant = this.#shell.grant(Math.min(most, visit.todo.length), visit.urgent);
      if (grant.recipients === 0) {
        this.#pause(grant.waitMs);
        return;
      }
      const asks = this.#take(visit, grant.recipients, capabilities);
      const [first] = asks;
      if (first === undefined) continue;
      const flight: Run["flight"] = {
        sender: visit.sender,
        utf8: first.utf8,
        asks,
        refused: null,
      };
      link.runs.push({ flight, visit });
      link.inFlight += asks.length;
      link.asked += asks.length;
      link.transactions += 1;
      link.session?.submit(flight);
    }
    if (link.runs.length === 0 && this.#isSpent(link, capabilities)) this.#retire(link);
  }

  #hasRoom(link: Link, capabilities: Capabilities): boolean {
    if (link.retired || link.session === null || this.#isSpent(link, capabilities)) return false;
    if (link.runs.length === 0) return true;
    // All that is on the wire may come back refused.
    if (link.refused + link.inFlight >= this.#refusalsMax) return false;
    if (!capabilities.pipelining || link.lockStep || this.#tarpit) return false;
    if (link.runs.length < FLIGHTS_IN_FLIGHT) return true;
    return link.runs.length < SMALL_FLIGHTS_IN_FLIGHT && link.inFlight < FLIGHT_RECIPIENTS;
  }

  /** The connection has been used as much as the host likes. */
  #isSpent(link: Link, capabilities: Capabilities): boolean {
    const { limits } = this.#shell;
    const resets = limits.maxRsets ?? (capabilities.exim ? EXIM_RESETS_MAX : RESETS_MAX);
    return (
      (this.#tarpit && link.refused > 0) ||
      link.asked >= limits.rcptPerConnection ||
      link.refused >= this.#refusalsMax ||
      link.transactions > resets ||
      link.transactions >= (capabilities.mailMax ?? Number.POSITIVE_INFINITY)
    );
  }

  /** Up to `most` questions of one kind; those the host cannot take at all are settled here. */
  #take(visit: Visit, most: number, capabilities: Capabilities): Question[] {
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
    if (taken.length === 0) this.#settle(visit);
    return taken;
  }

  #pause(waitMs: number | null): void {
    if (waitMs === null) {
      for (const visit of [...this.#urgent, ...this.#bulk]) {
        for (const asked of visit.todo) fail(visit, asked, { cause: "paused" });
        visit.todo = [];
        this.#settle(visit);
      }
      return;
    }
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.pump();
    }, waitMs);
  }

  #maybeOpen(waiting: number): void {
    const { profile, limits } = this.#shell;
    let connecting = 0;
    let live = 0;
    for (const link of this.#links) {
      if (link.retired) continue;
      live += 1;
      if (link.capabilities === null) connecting += 1;
    }
    // The first connection shows what the host is like before a second one is opened.
    if (connecting > 0) return;
    const most = waiting > profile.secondConnectionAbove ? Math.max(limits.connections, profile.connections) : 1;
    const allowed = Math.min(most, this.#connectionsMax) + (this.#urgent.length > 0 && live > 0 ? 1 : 0);
    if (live < allowed && this.#shell.admit()) this.#open();
  }

  #open(): void {
    const { target } = this;
    const { profile, now, record } = this.#shell;
    const address = target.addresses[this.#addressIndex % target.addresses.length] ?? "";
    serials += 1;
    const link: Link = {
      serial: serials,
      capabilities: null,
      runs: [],
      inFlight: 0,
      asked: 0,
      answered: 0,
      refused: 0,
      transactions: 0,
      retired: false,
      session: null,
      addressIndex: this.#addressIndex,
      startTls: !this.#noTls,
      lockStep: this.#lockStep,
    };
    this.#links.add(link);
    link.session = new Session(
      {
        address,
        port: this.#shell.port,
        host: target.name,
        localAddress: target.source === "any" ? null : target.source,
        helo: target.helo,
        startTls: link.startTls,
        pipeline: !link.lockStep,
        times: profile.times,
        idleMs: profile.idleMs,
        now,
        record: record === null ? null : (direction, text) => record(target.name, direction, text),
      },
      {
        ready: (capabilities) => this.#onReady(link, capabilities),
        answered: (flight) => this.#onAnswered(link, flight),
        tarpitted: () => this.#onTarpit(link),
        ended: (ending) => this.#onEnded(link, ending),
      },
    );
  }

  #retire(link: Link): void {
    if (link.retired) return;
    link.retired = true;
    if (link.runs.length === 0 && link.capabilities !== null) link.session?.quit();
  }

  #onReady(link: Link, capabilities: Capabilities): void {
    link.capabilities = capabilities;
    this.#failing = null;
    this.#reconnected = false;
    this.#shell.connected(true);
    if (link.retired) link.session?.quit();
    else this.pump();
  }

  #onAnswered(link: Link, flight: Flight): void {
    const run = link.runs.shift();
    if (run === undefined || run.flight !== flight) return;
    const { visit } = run;
    const { asks } = run.flight;
    link.inFlight -= asks.length;
    visit.tls = link.capabilities?.tls ?? null;
    if (flight.refused === null) this.#takeReplies(link, asks, visit);
    else this.#onMailRefused(link, asks, visit, flight.refused);
    this.#settle(visit);
    if (link.retired && link.runs.length === 0) link.session?.quit();
    this.pump();
  }

  #takeReplies(link: Link, asks: readonly Question[], visit: Visit): void {
    let accepted = 0;
    let answered = 0;
    const again: Question[] = [];
    for (const asked of asks) {
      const { reply } = asked;
      if (reply === null) continue;
      if (reply.code < 300) accepted += 1;
      else if (accepted > 0 && isTransactionFull(reply)) {
        this.#rcptMax = Math.min(this.#rcptMax, accepted);
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
    if (again.length > 0) this.#putBack(visit, again);
  }

  #onMailRefused(link: Link, asks: readonly Question[], visit: Visit, reply: Reply): void {
    // After good work on this connection a temporary refusal of MAIL is about the connection: a new one may do.
    if (reply.code < 500 && link.answered > 0 && visit.fruitless === 0) {
      visit.fruitless += 1;
      this.#retire(link);
      this.#putBack(visit, asks);
      return;
    }
    const trouble: Ending = { cause: "refused", stage: "mail", reply, detail: "MAIL refused", ask: null };
    // Nothing in it is about one recipient or another: the rest would hear the same.
    failAll(visit, trouble);
  }

  /**
   * Courier holds each further stranger of a session back twice as long: the rest is asked on fresh connections, a few
   * at a time. Nobody has been refused an answer, so nobody is to blame.
   */
  #onTarpit(link: Link): void {
    if (this.#tarpit) return;
    this.#tarpit = true;
    this.#rcptMax = Math.min(this.#rcptMax, TARPIT_FLIGHT_RECIPIENTS);
    link.session?.destroy(TARPIT);
  }

  #onEnded(link: Link, ending: Ending): void {
    this.#links.delete(link);
    this.#shell.released();
    if (link.capabilities === null) this.#onStillborn(link, ending);
    else this.#onBroken(link, ending);
    if (this.#closing === null) this.pump();
    else this.#afterChange();
  }

  /** The connection never came to the point of asking. */
  #onStillborn(link: Link, ending: Ending): void {
    if (this.#closing !== null || link.retired) return;
    const live = [...this.#links].filter((other) => !other.retired).length;
    const plan = afterStillbirth(ending, {
      live,
      untriedAddresses: this.target.addresses.length - 1 - link.addressIndex,
      reconnected: this.#reconnected,
      inClear: !link.startTls,
    });
    switch (plan) {
      case "enough":
        // RFC 5321 3.8: it may refuse us one more connection and still serve the ones we have.
        this.#connectionsMax = live;
        break;
      case "in_clear":
        this.#noTls = true;
        break;
      case "next_address":
        this.#addressIndex = link.addressIndex + 1;
        break;
      case "again":
        this.#reconnected = true;
        break;
      case "give_up":
        this.#shell.connected(false);
        this.#addressIndex = 0;
        this.#reconnected = false;
        this.#failing = { ending, untilMs: this.#shell.now() + this.#shell.profile.failFastMs };
        for (const visit of [...this.#urgent, ...this.#bulk]) this.#giveUp(visit, ending);
        break;
    }
  }

  #giveUp(visit: Visit, trouble: Trouble): void {
    failAll(visit, trouble);
    this.#settle(visit);
  }

  /** The connection broke with questions on the wire, or simply ended. */
  #onBroken(link: Link, ending: Ending): void {
    const answeredBefore = link.answered;
    for (const { flight, visit } of link.runs) {
      visit.tls = link.capabilities?.tls ?? null;
      if (flight.refused === null) this.#takeReplies(link, flight.asks, visit);
      else this.#onMailRefused(link, flight.asks, visit, flight.refused);
    }
    // An idle connection that the server had just closed: nobody was asked, nobody is to blame.
    const deserted = ending.detail === TARPIT;
    const stale = deserted || (ending.cause === "closed" && answeredBefore > 0 && link.answered === answeredBefore);
    const fruitful = link.answered > answeredBefore;
    if (ending.cause === "refused" && link.refused >= ERRORS_LEARNT_MIN) {
      this.#refusalsMax = Math.min(this.#refusalsMax, link.refused - 1);
    }
    const unanswered = link.runs.reduce((sum, { flight }) => sum + flight.asks.filter(isOpen).length, 0);
    // Replies may have been lost behind a reset: from now on one question at a time, so that blame falls right.
    if (!stale && !fruitful && unanswered > 1 && (ending.cause === "closed" || ending.cause === "protocol"))
      this.#lockStep = true;
    for (const visit of new Set(link.runs.map((run) => run.visit))) {
      const mine = link.runs.flatMap((run) => (run.visit === visit ? run.flight.asks.filter(isOpen) : []));
      if (mine.length > 0)
        this.#recover(visit, mine, ending, { stale, fruitful, alone: link.lockStep || link.asked === 1 });
      this.#settle(visit);
    }
    link.runs.length = 0;
  }

  #recover(visit: Visit, mine: readonly Question[], ending: Ending, how: Breakage): void {
    if (visit.cancelled) return;
    const culprit = mine.find((asked) => asked === ending.ask) ?? null;
    visit.broken += 1;
    visit.fruitless = how.fruitful || how.stale ? 0 : visit.fruitless + 1;
    const answered = visit.open < visit.questions.length;
    const most = fruitlessMax(ending, { atRecipient: culprit !== null, answered }, this.#shell.profile);
    // Beyond any reason: each question is worth so many connections and no more.
    if (visit.fruitless >= most || visit.broken > DROPS_MAX * visit.questions.length + BROKEN_MIN) {
      this.#giveUp(visit, ending);
      return;
    }
    const back: Question[] = [];
    if (culprit !== null && !how.stale) {
      culprit.drops += 1;
      // A close may belong to the reply before it. Blame needs a connection that ended at this question and no other.
      const certain = culprit.drops >= DROPS_MAX && !how.fruitful && how.alone;
      if (ending.cause === "timeout" || certain) fail(visit, culprit, ending);
    }
    if (!answered && culprit !== null && isOpen(culprit)) back.push(culprit);
    this.#putBack(
      visit,
      mine.filter((asked) => isOpen(asked) && !back.includes(asked)),
    );
    // A host that has not answered anything yet is asked about somebody else next.
    visit.todo.push(...back);
  }

  #putBack(visit: Visit, questions: readonly Question[]): void {
    if (visit.cancelled) return;
    visit.todo = [...questions, ...visit.todo];
    const lane = visit.urgent ? this.#urgent : this.#bulk;
    if (!lane.includes(visit)) lane.unshift(visit);
  }

  #settle(visit: Visit): void {
    if (visit.open !== 0) return;
    visit.open = -1;
    queueMicrotask(visit.done);
  }

  #afterChange(): void {
    if (this.#links.size === 0) {
      const closed = this.#closing;
      if (closed !== null) closed();
      else if (this.#waiting() === 0) this.#shell.empty(this);
    } else if (this.isIdle) this.#shell.idle(this);
  }
}

const isOpen = (asked: Question): boolean => asked.reply === null && asked.trouble === null;
