import {
  FLIGHT_RECIPIENTS,
  FLIGHTS_IN_FLIGHT,
  HOST_REST_MS,
  LEARNT_TTL_MS,
  REFUSALS_PER_CONNECTION,
  SMALL_FLIGHTS_IN_FLIGHT,
  TARPIT_FLIGHT_RECIPIENTS,
} from "../limits.ts";
import { afterBreak, TARPIT, takeFlight } from "./aftermath.ts";
import type { Capabilities, Ending, Flight } from "./dialogue-types.ts";
import type { HostShell, Target } from "./host-types.ts";
import { Lanes } from "./lanes.ts";
import { connectionsFor, isSpent, type Learnt, nothingLearnt, roomOn } from "./learnt.ts";
import { afterStillbirth, timesOfTry } from "./recovery.ts";
import { Session } from "./session.ts";
import {
  type Connection,
  fail,
  failAll,
  isPipelined,
  newConnection,
  type Question,
  type Trouble,
  takeQuestions,
  type Visit,
} from "./visit.ts";

type Link = Connection & {
  session: Session | null;
  readonly addressIndex: number;
  readonly startTls: boolean;
};

/**
 * Everything that is asked of one host address from one source address: the waiting visits, the few connections they
 * share, and what the host has taught us about its limits. Whatever ends a connection, each question either gets its
 * reply, is asked again within bounds, or gets the trouble that befell it: a reply is never guessed.
 */
export class HostQueue {
  readonly target: Target;
  readonly #shell: HostShell;
  readonly #links = new Set<Link>();
  readonly #lanes = new Lanes();
  #timer: NodeJS.Timeout | null = null;
  #closing: (() => void) | null = null;
  #learnt: Learnt = nothingLearnt();
  #learntSinceMs: number;
  #reconnected = false;
  /** The host has answered questions; it is being left alone for a moment. */
  #served = false;
  #resting = false;
  #failing: { readonly ending: Ending; readonly untilMs: number } | null = null;
  #addressIndex = 0;

  constructor(target: Target, shell: HostShell) {
    this.target = target;
    this.#shell = shell;
    this.#learntSinceMs = shell.now();
  }

  get isIdle(): boolean {
    return this.#lanes.isEmpty && [...this.#links].every((link) => link.runs.length === 0);
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
    this.#lanes.add(visit);
    this.pump();
  }

  /** Drops the questions of a visit that nobody waits for; those on the wire come home unheard. */
  cancel(visit: Visit): void {
    visit.cancelled = true;
    failAll(visit, { cause: "cancelled" });
    // Else a connection that has fallen idle would look as if somebody waited for it.
    this.#lanes.remove(visit);
    this.#settle(visit);
    if (this.#closing === null) this.#afterChange();
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
    for (const visit of this.#lanes.all()) this.cancel(visit);
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
    const waiting = this.#lanes.waiting();
    if (waiting > 0) this.#maybeOpen(waiting);
    this.#afterChange();
  }

  #fill(link: Link, capabilities: Capabilities): void {
    while (this.#hasRoom(link, capabilities)) {
      const visit = this.#lanes.next();
      if (visit === null) return;
      const room = roomOn(link, this.#learnt, this.#shell.limits, capabilities);
      const most = isPipelined(link) ? room : Math.min(room, this.#shell.profile.secondConnectionAboveOneByOne);
      const grant = this.#shell.grant(Math.min(most, visit.todo.length), visit.urgent);
      if (grant.recipients === 0) {
        this.#pause(grant.waitMs);
        return;
      }
      const asks = takeQuestions(visit, grant.recipients, capabilities);
      const [first] = asks;
      if (first === undefined) {
        this.#settle(visit);
        continue;
      }
      const flight: Flight = {
        sender: visit.sender,
        utf8: first.utf8,
        asks,
        refused: null,
      };
      link.runs.push({ flight, asks, visit });
      link.inFlight += asks.length;
      link.asked += asks.length;
      link.transactions += 1;
      link.session?.submit(flight);
      // Who waits for nothing more leaves the line: a host is remembered longer than its visits.
      if (visit.todo.length === 0) this.#lanes.next();
    }
    if (link.runs.length === 0 && this.#isSpent(link, capabilities)) this.#retire(link);
  }

  #hasRoom(link: Link, capabilities: Capabilities): boolean {
    if (link.retired || link.session === null || this.#isSpent(link, capabilities)) return false;
    if (link.runs.length === 0) return true;
    if (roomOn(link, this.#learnt, this.#shell.limits, capabilities) <= 0) return false;
    if (!isPipelined(link) || this.#learnt.tarpit) return false;
    if (link.runs.length < FLIGHTS_IN_FLIGHT) return true;
    return link.runs.length < SMALL_FLIGHTS_IN_FLIGHT && link.inFlight < FLIGHT_RECIPIENTS;
  }

  #isSpent(link: Link, capabilities: Capabilities): boolean {
    return isSpent(link, this.#learnt, this.#shell.limits, capabilities);
  }

  #pause(waitMs: number | null): void {
    if (waitMs === null) {
      for (const visit of this.#lanes.all()) {
        for (const asked of visit.todo) fail(visit, asked, { cause: "paused" });
        visit.todo = [];
        this.#settle(visit);
      }
      return;
    }
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#resting = false;
      this.pump();
    }, waitMs);
  }

  #maybeOpen(waiting: number): void {
    let connecting = 0;
    let leaving = 0;
    let live = 0;
    for (const link of this.#links) {
      if (link.retired) leaving += 1;
      else {
        live += 1;
        if (link.capabilities === null) connecting += 1;
      }
    }
    // The first connection shows what the host is like before a second one is opened.
    if (connecting > 0 || this.#resting) return;
    // Where connections are many and short, each is over before the next begins: Exim counts those that linger.
    if (leaving > 0 && this.#learnt.errorsMax < REFUSALS_PER_CONNECTION) return;
    const worth = connectionsFor(waiting, [...this.#links], this.#learnt, this.#shell);
    const allowed = worth + (this.#lanes.hasUrgent && live > 0 ? 1 : 0);
    if (live >= allowed) return;
    const admission = this.#shell.admit(this.#lanes.hasUrgent);
    if (admission === "open") this.#open();
    else if (admission === "paused") this.#pause(null);
  }

  #open(): void {
    const { target } = this;
    const { profile, now, record } = this.#shell;
    if (this.#links.size === 0) this.#forget();
    const address = target.addresses[this.#addressIndex % target.addresses.length] ?? "";
    const link: Link = {
      ...newConnection(this.#learnt.lockStep),
      session: null,
      addressIndex: this.#addressIndex,
      startTls: !this.#learnt.noTls,
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
        times: timesOfTry(profile.times, target.addresses.length - 1 - this.#addressIndex),
        idleMs: this.#shell.idleMs,
        now,
        record: (direction, text) => {
          if (link.capabilities === null) link.greeting.add(direction, text);
          if (record !== null) record(target.name, direction, text);
        },
      },
      {
        ready: (capabilities) => this.#onReady(link, capabilities),
        answered: (flight) => this.#onAnswered(link, flight),
        tarpitted: () => this.#onTarpit(link),
        ended: (ending) => this.#onEnded(link, ending),
      },
    );
  }

  #forget(): void {
    const nowMs = this.#shell.now();
    if (nowMs - this.#learntSinceMs < LEARNT_TTL_MS) return;
    this.#learnt = nothingLearnt();
    this.#learntSinceMs = nowMs;
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
    link.inFlight -= run.asks.length;
    const { answered, refused } = link;
    this.#putBack(visit, takeFlight(link, run, this.#learnt));
    this.#report(link, answered, refused);
    this.#settle(visit);
    if (link.retired && link.runs.length === 0) link.session?.quit();
    this.pump();
  }

  /** Tells the pace what came home since the connection had so many answers and refusals. */
  #report(link: Link, answered: number, refused: number): void {
    if (link.answered === answered) return;
    this.#served = true;
    this.#shell.answered(link.answered - answered, link.refused - refused);
  }

  /**
   * Courier holds each further stranger of a session back twice as long: the rest is asked on fresh connections, one
   * at a time. Nobody has been refused an answer, so nobody is to blame.
   */
  #onTarpit(link: Link): void {
    if (this.#learnt.tarpit) return;
    this.#learnt.tarpit = true;
    this.#learnt.rcptMax = Math.min(this.#learnt.rcptMax, TARPIT_FLIGHT_RECIPIENTS);
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
      served: this.#served,
      inClear: !link.startTls,
    });
    switch (plan) {
      case "enough":
        // RFC 5321 3.8: it may refuse us one more connection and still serve the ones we have.
        this.#learnt.connectionsMax = live;
        break;
      case "in_clear":
        this.#learnt.noTls = true;
        break;
      case "next_address":
        this.#addressIndex = link.addressIndex + 1;
        break;
      case "again":
        this.#reconnected = true;
        break;
      case "rest":
        this.#reconnected = true;
        this.#resting = true;
        this.#pause(Math.min(HOST_REST_MS, this.#shell.profile.failFastMs));
        break;
      case "give_up":
        this.#shell.connected(false);
        this.#addressIndex = 0;
        this.#reconnected = false;
        this.#failing = { ending, untilMs: this.#shell.now() + this.#shell.profile.failFastMs };
        for (const visit of this.#lanes.all()) this.#giveUp(visit, ending);
        break;
    }
  }

  #giveUp(visit: Visit, trouble: Trouble): void {
    failAll(visit, trouble);
    this.#settle(visit);
  }

  /** The connection broke with questions on the wire, or simply ended. */
  #onBroken(link: Link, ending: Ending): void {
    const visits = new Set(link.runs.map((run) => run.visit));
    const { answered, refused } = link;
    for (const { visit, again, later } of afterBreak(link, ending, this.#learnt, this.#shell.profile)) {
      this.#putBack(visit, again, later);
    }
    this.#report(link, answered, refused);
    for (const visit of visits) this.#settle(visit);
  }

  /** Questions to ask again: at once, or after all others of the visit. */
  #putBack(visit: Visit, again: readonly Question[], later: readonly Question[] = []): void {
    if (visit.cancelled || again.length + later.length === 0) return;
    visit.todo = [...again, ...visit.todo, ...later];
    this.#lanes.putBack(visit);
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
      else if (this.#lanes.waiting() === 0) this.#shell.empty();
    } else if (this.isIdle) this.#shell.idle();
  }
}
