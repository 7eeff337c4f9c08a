import type { Verdict } from "../../shared/verdict/types.ts";
import type { ChunkItem, DetachFrame, DoneItem, ProbeFrame, TaskFrame } from "../../shared/wire/frames.ts";
import type { Checker, CheckOutcome } from "../check/checker.ts";
import { opinionOn } from "../settle/opinion.ts";
import type { Settler } from "../settle/settle.ts";
import { ANSWERS_KEPT_MAX, ANSWERS_KEPT_MS, TASK_ABANDONED_MS } from "./limits.ts";

/** What real-time work reports to: the link, once there is one. */
export type TaskReports = {
  answered(frame: Extract<ProbeFrame, { t: "answer" | "decline" }>): void;
  detached(task: string): void;
  done(item: DoneItem): void;
  untouched(chunk: string, lease: number, why: string): void;
};

export type TaskDeps = {
  readonly checker: Checker;
  readonly settler: Settler;
  readonly probe: string;
  readonly slots: number;
  readonly now: () => number;
  readonly lastCall: AbortSignal;
  readonly reports: TaskReports;
  readonly log: (trace: string | undefined, what: string) => void;
};

type Running = { readonly stop: AbortController; abandon: NodeJS.Timeout; detached: DetachFrame | null };
type Kept = { readonly outcome: CheckOutcome; readonly untilMs: number };

export type Tasks = {
  start(frame: TaskFrame): void;
  detach(frame: DetachFrame): void;
  running(): number;
  /** Stops all checks: callers are declined, detached ones planned again. */
  giveBack(): void;
};

/**
 * Real-time checks. Each ends as an answer, or, when its caller has left with a 202, settled under the chunk that
 * `detach` named. The answer may have left just before the detach arrives, so answers are kept for a while.
 */
export function createTasks(deps: TaskDeps): Tasks {
  const running = new Map<string, Running>();
  const kept = new Map<string, Kept>();

  function keep(task: string, outcome: CheckOutcome): void {
    const now = deps.now();
    for (const [id, old] of kept) {
      if (old.untilMs > now && kept.size < ANSWERS_KEPT_MAX) break;
      kept.delete(id);
    }
    kept.set(task, { outcome, untilMs: now + ANSWERS_KEPT_MS });
  }

  async function run(frame: TaskFrame, mine: Running): Promise<void> {
    let found: CheckOutcome | null = null;
    try {
      // No deadline: past the caller's patience the check goes on, to be settled after a 202.
      const options = { ...frame.options, signal: mine.stop.signal, deadlineMs: null, source: null, realTime: true };
      await deps.checker.checkMany([firstItem(frame.email)], options, (_item, outcome) => {
        found = outcome;
      });
    } catch (error) {
      deps.log(frame.trace, `check failed: ${String(error)}`);
    }
    clearTimeout(mine.abandon);
    running.delete(frame.task);
    finish(frame, mine, found);
  }

  function finish(frame: TaskFrame, mine: Running, found: CheckOutcome | null): void {
    if (mine.detached !== null) {
      void settle(mine.detached, found);
    } else if (found === null) {
      deps.reports.answered({ t: "decline", task: frame.task, why: "stopped" });
    } else {
      keep(frame.task, found);
      const elsewhere = found.elsewhere === true ? { elsewhere: true } : {};
      deps.reports.answered({ t: "answer", task: frame.task, verdict: answerOf(found), ...elsewhere });
    }
  }

  async function settle(detached: DetachFrame, found: CheckOutcome | null): Promise<void> {
    const { chunk, lease, ticket } = detached;
    if (found === null) {
      deps.reports.untouched(chunk, lease, "stopped");
      return;
    }
    const final = found.kind === "final";
    const opinion = opinionOn(final ? firstItem(found.verdict.email) : found.item, found);
    const stays = opinion === null;
    const reply = await deps.settler.settle(
      {
        chunk,
        ticket,
        results: final && stays ? [{ n: 0, verdict: found.verdict }] : [],
        rest: final || !stays ? [] : [found.item],
        hold: false,
        againAtMs: final || !stays ? null : found.item.due,
        sticky: final ? null : { probe: deps.probe, source: found.source },
        opinions: stays ? [] : [opinion],
      },
      deps.lastCall,
    );
    if (reply === null) deps.reports.untouched(chunk, lease, "not settled");
    else if (reply.outcome === "held") deps.reports.done({ chunk, lease, outcome: "stale", drained: false });
    else {
      const again = final || !stays ? {} : { again: found.item.due };
      deps.reports.done({ chunk, lease, outcome: reply.outcome, drained: false, ...again });
    }
  }

  return {
    start(frame) {
      if (running.has(frame.task)) return;
      if (running.size >= deps.slots) {
        deps.reports.answered({ t: "decline", task: frame.task, why: "no free slot" });
        return;
      }
      const stop = new AbortController();
      const patience = Math.max(0, frame.deadline - deps.now()) + TASK_ABANDONED_MS;
      const mine: Running = { stop, abandon: setTimeout(() => stop.abort(), patience), detached: null };
      running.set(frame.task, mine);
      void run(frame, mine);
    },
    detach(frame) {
      deps.reports.detached(frame.task);
      const mine = running.get(frame.task);
      if (mine !== undefined) {
        clearTimeout(mine.abandon);
        mine.detached = frame;
        return;
      }
      const answer = kept.get(frame.task);
      kept.delete(frame.task);
      void settle(frame, answer?.outcome ?? null);
    },
    running: () => running.size,
    giveBack() {
      for (const one of running.values()) one.stop.abort();
    },
  };
}

/** A check has one item, and this is its first attempt. */
const firstItem = (email: string): ChunkItem => ({ n: 0, email, tries: 0, due: 0, first: 0 });

/** To a waiting caller, a deferred check is what is known now, with the time at which asking again makes sense. */
const answerOf = (found: CheckOutcome): Verdict => (found.kind === "final" ? found.verdict : found.provisional);
