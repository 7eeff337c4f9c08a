import type { DetachFrame, LeaseFrame, TaskFrame } from "../../shared/wire/frames.ts";
import type { Checker } from "../check/checker.ts";
import { type ChunkEnd, type ChunkRun, runChunk } from "../settle/chunk.ts";
import type { Settler } from "../settle/settle.ts";
import { DRAIN_FINISH_MS, DRAIN_MAX_MS } from "./limits.ts";
import type { Introduction, LinkEnd } from "./machine.ts";
import { type Link, type LinkOptions, startLink } from "./socket.ts";
import { createTasks, type Tasks } from "./tasks.ts";

export type SeatDeps = {
  readonly checker: Checker;
  readonly settler: Settler;
  readonly now: () => number;
  /** What each heartbeat tells the hub of this probe; the checker's figures unless given. */
  readonly report?: () => Record<string, unknown>;
  /** How long work in hand may go on after `drain` (DRAIN_FINISH_MS). */
  readonly drainFinishMs?: number;
  /** One line per finished piece of work or trouble; `trace` is the request's. */
  readonly log: (event: {
    readonly trace?: string | undefined;
    readonly what: string;
    readonly [field: string]: unknown;
  }) => void;
};

/** How a seat ended; `timeout`: work in hand could not be settled while there was time. */
export type SeatEnd = LinkEnd | { readonly why: "timeout"; readonly message: string };

/** A place at one hub. */
export type Seat = {
  /** Stops taking work, finishes or hands back what is in hand; `ended` resolves when that is done. */
  drain(why: string): void;
  /** Offers this much to the hub from now on. */
  resize(window: number, slots: number): void;
  readonly ended: Promise<SeatEnd>;
};

/** Where and as whom to connect. `shard` null: at every hub of the region. */
export type Connection = Pick<LinkOptions, "edgeUrl" | "token" | "onWelcome" | "onLoss" | "onQuarantine"> & {
  readonly me: Introduction;
  readonly shard: number | null;
};

/** Takes leases and real-time checks from one hub, works on them, and reports back. */
export function takeSeat(connection: Connection & { readonly shard: number }, deps: SeatDeps): Seat {
  const runs = new Map<number, { readonly run: ChunkRun; readonly size: number }>();
  const lastCall = new AbortController();
  let held = 0;
  let overtime: (end: { why: "timeout"; message: string }) => void = () => {};
  const outOfTime = new Promise<{ why: "timeout"; message: string }>((resolve) => {
    overtime = resolve;
  });
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, then: () => void) => timers.add(setTimeout(then, ms));

  function work(lease: LeaseFrame): void {
    const run = runChunk(lease, { ...deps, probe: connection.me.probe, lastCall: lastCall.signal });
    runs.set(lease.lease, { run, size: lease.items.length });
    held += lease.items.length;
    const startedMs = deps.now();
    run.ended
      .catch((error: unknown): ChunkEnd => {
        deps.log({ trace: lease.trace, what: "chunk failed", chunk: lease.chunk, error: String(error) });
        return { outcome: "failed" };
      })
      .then((end) => {
        runs.delete(lease.lease);
        held -= lease.items.length;
        report(lease, end);
        const ms = deps.now() - startedMs;
        deps.log({
          trace: lease.trace,
          what: "chunk",
          chunk: lease.chunk,
          items: lease.items.length,
          outcome: end.outcome,
          ms,
        });
      });
  }

  function report(lease: LeaseFrame, end: ChunkEnd): void {
    const { chunk, lease: number } = lease;
    if (end.outcome === "untouched" || end.outcome === "given_up") {
      link.untouched(chunk, number, end.outcome);
    } else if (end.outcome === "settled" || end.outcome === "rest") {
      const job = end.job === null ? {} : { job: end.job };
      const again = end.againAtMs === null ? {} : { again: end.againAtMs };
      link.done({ chunk, lease: number, outcome: end.outcome, drained: end.drained, ...job, ...again });
    } else {
      link.done({ chunk, lease: number, outcome: end.outcome, drained: false });
    }
  }

  function windUp(why: string): void {
    deps.log({ what: "draining", why, chunks: runs.size, tasks: tasks.running() });
    after(deps.drainFinishMs ?? DRAIN_FINISH_MS, () => {
      for (const { run } of runs.values()) run.giveBack();
      tasks.giveBack();
    });
    // Postgres may be away: what is not settled by then is planned again, and done by somebody else.
    after(DRAIN_MAX_MS - 5_000, () => lastCall.abort());
    after(DRAIN_MAX_MS, () => overtime({ why: "timeout", message: "work in hand could not be settled in time" }));
  }

  const link: Link = startLink(connection, {
    work,
    task: (frame: TaskFrame) => tasks.start(frame),
    detach: (frame: DetachFrame) => tasks.detach(frame),
    windUp,
    held: () => held,
    report: deps.report ?? (() => deps.checker.stats()),
  });
  const tasks: Tasks = createTasks({
    ...deps,
    probe: connection.me.probe,
    slots: connection.me.slots,
    lastCall: lastCall.signal,
    reports: link,
    log: (trace, what) => deps.log({ trace, what }),
  });
  const ended = Promise.race([link.ended, outOfTime]).finally(() => {
    for (const timer of timers) clearTimeout(timer);
    lastCall.abort();
    for (const { run } of runs.values()) run.giveBack();
    link.cut();
  });
  return { drain: (why) => link.drain(why), resize: (window, slots) => link.resize(window, slots), ended };
}
