import { STATUSES } from "../../shared/verdict/vocabulary.ts";
import type { Job } from "../client/shapes.ts";

/** Without a terminal, a line this often while nothing but numbers change. */
const PLAIN_EVERY_MS = 10_000;
const BAR_CELLS = 24;

const number = new Intl.NumberFormat("en-US");

/** One line about a job: phase, percent, rows, speed, time left, counts by status. */
export function progressLine(job: Job, nowMs: number, bar: boolean): string {
  const { counts, addresses_per_second: rate } = job;
  const parts = [(job.phase === "ended" ? job.state : job.phase).padEnd(10)];
  if (bar) parts.push(barOf(job.percent));
  parts.push(`${String(Math.floor(job.percent)).padStart(3)} %`);
  parts.push(counts.total === null ? `${number.format(counts.staged)} rows read` : doneOf(job));
  if (rate !== null && rate > 0) parts.push(`${number.format(rate < 10 ? rate : Math.round(rate))}/s`);
  const left = timeLeft(job, nowMs);
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

function timeLeft(job: Job, nowMs: number): string | null {
  // What is left was put off by its mail hosts: only their time counts.
  if (job.phase === "deferred" && job.next_attempt_at !== null) {
    const waitMs = Date.parse(job.next_attempt_at) - nowMs;
    return waitMs > 0 ? `${number.format(job.counts.deferred)} put off, asked again in ${duration(waitMs)}` : null;
  }
  return job.eta_seconds === null || job.phase === "ended" ? null : `ETA ${duration(job.eta_seconds * 1_000)}`;
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
  #phase = "";
  #shownMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(job: Job, nowMs: number): void {
    this.#line(job.phase, progressLine(job, nowMs, this.#screen.isTTY === true), nowMs);
  }

  /** How much of a large list has arrived. */
  sending(bytes: number, total: number, nowMs: number): void {
    const percent = (100 * bytes) / Math.max(1, total);
    const bar = this.#screen.isTTY === true ? `  ${barOf(percent)}` : "";
    const share = `${String(Math.floor(percent)).padStart(3)} %`;
    this.#line("sending", `sending   ${bar}  ${share}  ${megabytes(bytes)}/${megabytes(total)} MB`, nowMs);
  }

  #line(phase: string, line: string, nowMs: number): void {
    if (this.#screen.isTTY === true) {
      // One cell is left free: some terminals wrap when the last one is written.
      this.#screen.write(`\r${line.slice(0, Math.max(20, (this.#screen.columns ?? 80) - 1))}\x1b[K`);
      this.#drawn = true;
    } else if (phase !== this.#phase || nowMs - this.#shownMs >= PLAIN_EVERY_MS) {
      this.#screen.write(`${line}\n`);
      this.#shownMs = nowMs;
    }
    this.#phase = phase;
  }

  /** Leaves the line, so that what is printed next begins on its own. */
  leave(): void {
    if (this.#drawn) this.#screen.write("\n");
    this.#drawn = false;
  }
}

const megabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(1);
