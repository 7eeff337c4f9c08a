import type { Verdict } from "../../shared/verdict/types.ts";
import type { ChunkItem, LeaseFrame } from "../../shared/wire/frames.ts";
import type { Checker, CheckOutcome } from "../check/checker.ts";
import { CHUNK_BUDGET_MS, CLOCK_TOLERANCE_MS, PART_INTERVAL_MS } from "./limits.ts";
import { opinionOn } from "./opinion.ts";
import type { Opinion, Settlement, SettleReply, Settler } from "./settle.ts";

/** How work on a chunk ended. `untouched`: nothing was found and nothing settled, the ticket is as it was. */
export type ChunkEnd =
  | {
      readonly outcome: "settled" | "rest";
      readonly drained: boolean;
      readonly job: string | null;
      /** Epoch ms at which the rest is due; null for now or never. */
      readonly againAtMs: number | null;
    }
  | { readonly outcome: "stale" | "failed" | "untouched" | "given_up" };

export type ChunkRun = {
  readonly ended: Promise<ChunkEnd>;
  /** Stops checking; what is known is settled, the rest is planned again. */
  giveBack(): void;
};

export type ChunkDeps = {
  readonly checker: Checker;
  readonly settler: Settler;
  /** This probe's name, for sticky return. */
  readonly probe: string;
  readonly now: () => number;
  /** Fires when the process can wait no longer for Postgres. */
  readonly lastCall: AbortSignal;
};

/**
 * Works on one leased chunk: checks its due items, settles in parts while that takes long, and at the end settles what
 * is left. Results leave memory only when Postgres has them.
 */
export function runChunk(lease: LeaseFrame, deps: ChunkDeps): ChunkRun {
  const stop = new AbortController();
  const work = new ChunkWork(lease, deps, stop);
  return { ended: work.run(), giveBack: () => stop.abort() };
}

class ChunkWork {
  readonly #lease: LeaseFrame;
  readonly #deps: ChunkDeps;
  readonly #stop: AbortController;
  #ticket: string;
  #results: { n: number; verdict: Verdict }[] = [];
  #rest: ChunkItem[] = [];
  /** Kept for the end: what is asked elsewhere leaves this chunk. */
  readonly #opinions: Opinion[] = [];
  readonly #sources = new Map<string, number>();
  /** Items without a result, by number: when each is due again. */
  readonly #open = new Map<number, number>();
  #part: Promise<void> | null = null;
  #parts = 0;
  /** Set when a part has ended the chunk, well or badly. */
  #end: ChunkEnd | null = null;

  constructor(lease: LeaseFrame, deps: ChunkDeps, stop: AbortController) {
    this.#lease = lease;
    this.#deps = deps;
    this.#stop = stop;
    this.#ticket = lease.ticket;
  }

  async run(): Promise<ChunkEnd> {
    const due = this.#dueItems();
    const parts = setInterval(() => this.#startPart(), PART_INTERVAL_MS);
    const budget = setTimeout(() => this.#stop.abort(), CHUNK_BUDGET_MS);
    try {
      await this.#check(due);
      await this.#part;
    } finally {
      clearInterval(parts);
      clearTimeout(budget);
    }
    return this.#end ?? this.#settleRest();
  }

  /** An item that must not be asked yet stays open as it is, unless only the clocks disagree. */
  #dueItems(): ChunkItem[] {
    const now = this.#deps.now();
    for (const item of this.#lease.items) this.#open.set(item.n, item.due);
    return this.#lease.items.filter((item) => item.due <= now + CLOCK_TOLERANCE_MS);
  }

  async #check(items: readonly ChunkItem[]): Promise<void> {
    if (items.length === 0) return;
    const { sticky, options } = this.#lease;
    const source = sticky !== null && sticky.probe === this.#deps.probe ? sticky.source : null;
    for (const item of items) this.#open.set(item.n, 0);
    await this.#deps.checker.checkMany(
      items,
      { ...options, signal: this.#stop.signal, deadlineMs: null, source, realTime: false },
      (item, outcome) => this.#take(item, outcome),
    );
  }

  #take(item: ChunkItem, outcome: CheckOutcome): void {
    const opinion = opinionOn(item, outcome);
    if (opinion !== null) {
      this.#open.delete(item.n);
      this.#opinions.push(opinion);
      return;
    }
    if (outcome.kind === "final") {
      this.#open.delete(item.n);
      this.#results.push({ n: item.n, verdict: outcome.verdict });
      return;
    }
    this.#open.set(item.n, outcome.item.due);
    this.#rest.push(outcome.item);
    this.#sources.set(outcome.source, (this.#sources.get(outcome.source) ?? 0) + 1);
  }

  #startPart(): void {
    if (this.#part !== null || this.#end !== null || this.#results.length === 0) return;
    this.#part = this.#settlePart().finally(() => {
      this.#part = null;
    });
  }

  async #settlePart(): Promise<void> {
    const results = this.#results;
    const rest = this.#rest;
    this.#results = [];
    this.#rest = [];
    const reply = await this.#deps.settler.settle(this.#settlement(results, rest, true), this.#deps.lastCall);
    if (reply?.outcome === "held") {
      this.#ticket = reply.ticket;
      this.#parts += 1;
      return;
    }
    // A part may bring the last results: then the chunk is done.
    this.#end = endOf(reply, null);
    this.#stop.abort();
  }

  async #settleRest(): Promise<ChunkEnd> {
    const found = this.#results.length + this.#rest.length + this.#opinions.length;
    if (found === 0 && this.#parts === 0 && this.#stop.signal.aborted) return { outcome: "untouched" };
    const last = this.#settlement(this.#results, this.#rest, false);
    // Whether opinions were asked for only the database knows: the hub looks when the rest is due.
    const againAtMs = this.#opinions.length > 0 ? null : last.againAtMs;
    return endOf(await this.#deps.settler.settle(last, this.#deps.lastCall), againAtMs);
  }

  #settlement(results: Settlement["results"], rest: readonly ChunkItem[], hold: boolean): Settlement {
    const againAtMs = Math.min(...this.#open.values());
    return {
      chunk: this.#lease.chunk,
      ticket: this.#ticket,
      results,
      rest,
      hold,
      againAtMs: againAtMs > 0 && Number.isFinite(againAtMs) ? againAtMs : null,
      sticky: hold ? null : this.#stickySource(),
      opinions: hold ? [] : this.#opinions,
    };
  }

  /** The source address that most of the deferred items were asked from. */
  #stickySource(): Settlement["sticky"] {
    let best: string | null = null;
    for (const [source, count] of this.#sources) {
      if (best === null || count > (this.#sources.get(best) ?? 0)) best = source;
    }
    return best === null ? this.#lease.sticky : { probe: this.#deps.probe, source: best };
  }
}

function endOf(reply: SettleReply | null, againAtMs: number | null): ChunkEnd {
  if (reply === null) return { outcome: "given_up" };
  switch (reply.outcome) {
    case "settled":
    case "rest":
      return { outcome: reply.outcome, drained: reply.drained, job: reply.job, againAtMs };
    case "held":
    case "stale":
      return { outcome: "stale" };
    case "failed":
      return { outcome: "failed" };
  }
}
