import { STATUSES } from "../../shared/verdict/vocabulary.ts";
import type { Job } from "../client/shapes.ts";

/** Time over which the rate is taken: long enough to be steady, short enough to notice a change. */
const RATE_WINDOW_MS = 30_000;
/** Without a terminal, a line this often while nothing but numbers change. */
const PLAIN_EVERY_MS = 10_000;
const BAR_CELLS = 24;

const number = new Intl.NumberFormat("en-US");

/** Rows per second over the last half minute. */
export class Rate {
  #samples: { readonly atMs: number; readonly done: number }[] = [];

  add(done: number, atMs: number): void {
    this.#samples.push({ atMs, done });
    // One sample from before the window stays, so that the window is covered.
    while ((this.#samples[1]?.atMs ?? atMs) < atMs - RATE_WINDOW_MS) this.#samples.shift();
  }

  /** Null before there are two moments to compare. */
  perSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    return Math.max(0, ((last.done - first.done) * 1_000) / (last.atMs - first.atMs));
  }
}

/** One line about a job: phase, percent, rows, rate, time left, counts by status. */
export function progressLine(job: Job, rate: number | null, nowMs: number, bar: boolean): string {
  const { counts } = job;
  const parts = [job.state.padEnd(10)];
  if (bar) parts.push(barOf(job.percent));
  parts.push(`${String(Math.floor(job.percent)).padStart(3)} %`);
  parts.push(counts.total === null ? `${number.format(counts.staged)} rows read` : doneOf(job));
  if (rate !== null && rate > 0) parts.push(`${number.format(Math.round(rate))}/s`);
  const left = timeLeft(job, rate, nowMs);
  if (left !== null) parts.push(left);
  return [...parts, ...statusCounts(counts.by_status)].join("  ");
}

/** Counts by status in the order of the vocabulary, then any that a newer service may know. */
export function statusCounts(counts: Readonly<Record<string, number>>): string[] {
  const known: readonly string[] = STATUSES;
  const names = [...known, ...Object.keys(counts).filter((name) => !known.includes(name))];
  return names.filter((name) => (counts[name] ?? 0) > 0).map((name) => `${name} ${number.format(counts[name] ?? 0)}`);
}

function doneOf({ counts, state }: Job): string {
  const total = counts.total ?? 0;
  return `${number.format(state === "completed" ? total : Math.min(total, counts.done))}/${number.format(total)}`;
}

function timeLeft(job: Job, rate: number | null, nowMs: number): string | null {
  const { open, deferred } = job.counts;
  if (open === null || open === 0) return null;
  // What is left was put off by its mail hosts: only their time counts.
  if (deferred >= open && job.next_attempt_at !== null) {
    const waitMs = Date.parse(job.next_attempt_at) - nowMs;
    return waitMs > 0 ? `${number.format(open)} put off, asked again in ${duration(waitMs)}` : null;
  }
  return rate !== null && rate > 0 ? `ETA ${duration(((open - deferred) / rate) * 1_000)}` : null;
}

/** A time in its two largest units: `2 h 05 min`, `3 min 20 s`, `9 s`. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1_000));
  const pad = (n: number): string => String(n).padStart(2, "0");
  if (s >= 3_600) return `${Math.floor(s / 3_600)} h ${pad(Math.floor((s % 3_600) / 60))} min`;
  return s >= 60 ? `${Math.floor(s / 60)} min ${pad(s % 60)} s` : `${s} s`;
}

function barOf(percent: number): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_CELLS);
  return `[${"#".repeat(full)}${".".repeat(BAR_CELLS - full)}]`;
}

export type Screen = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };

/** Shows a job as it moves: one line drawn over itself on a terminal, a line now and then elsewhere. */
export class ProgressView {
  readonly #screen: Screen;
  readonly #rate = new Rate();
  #state = "";
  #shownMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(job: Job, nowMs: number): void {
    this.#rate.add(job.counts.done, nowMs);
    const terminal = this.#screen.isTTY === true;
    const line = progressLine(job, this.#rate.perSecond(), nowMs, terminal);
    if (terminal) {
      // One cell is left free: some terminals wrap when the last one is written.
      this.#screen.write(`\r${line.slice(0, Math.max(20, (this.#screen.columns ?? 80) - 1))}\x1b[K`);
      this.#drawn = true;
    } else if (job.state !== this.#state || nowMs - this.#shownMs >= PLAIN_EVERY_MS) {
      this.#screen.write(`${line}\n`);
      this.#shownMs = nowMs;
    }
    this.#state = job.state;
  }

  /** Leaves the line, so that what is printed next begins on its own. */
  leave(): void {
    if (this.#drawn) this.#screen.write("\n");
    this.#drawn = false;
  }
}
