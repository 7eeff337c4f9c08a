import type { JobView } from "../data/jobs.ts";
import { RATE_CHUNKS_MIN, RATE_WINDOW_S } from "../limits.ts";

const LANE_NAMES = ["realtime", "high", "normal", "low"] as const;

/** What a job is at; `deferred`: every open row waits because its mail host asked to come back later. */
export const PHASES = [
  "waiting",
  "reading",
  "planning",
  "checking",
  "deferred",
  "counting",
  "paused",
  "ended",
] as const;
type Phase = (typeof PHASES)[number];

/** A job as its owner sees it at `nowMs`, from its row and the sums over its chunks. */
export function presentJob(job: JobView, nowMs: number) {
  const total = job.ingested ? job.staged_rows : null;
  const done = doneOf(job);
  const waiting = isOver(job) ? 0 : (job.planned?.waiting_duplicates ?? 0);
  const phase = phaseOf(job);
  const rate = rateOf(job, phase, nowMs);
  return {
    id: job.id,
    parent_id: job.parent_id,
    name: job.name,
    tags: job.tags,
    state: job.state,
    phase,
    mode: job.mode,
    lane: LANE_NAMES[job.lane] ?? "normal",
    percent: percentOf(job, done),
    addresses_per_second: rate === null ? null : Math.round(rate * 10) / 10,
    eta_seconds: etaOf(job, phase, rate, nowMs),
    counts: {
      total,
      staged: job.staged_rows,
      done,
      open: total === null ? null : Math.max(0, total - done - waiting),
      deferred: job.chunks.deferred,
      duplicates: job.duplicates,
      by_status: countsOf(job),
    },
    next_attempt_at: job.chunks.next_at?.toISOString() ?? null,
    deferred_until: job.chunks.last_at?.toISOString() ?? null,
    summary: job.summary,
    error: job.error,
    created_at: job.created_at.toISOString(),
    started_at: job.started_at?.toISOString() ?? null,
    finished_at: job.finished_at?.toISOString() ?? null,
    links: {
      self: `/v1/jobs/${job.id}`,
      results: `/v1/jobs/${job.id}/results`,
      events: `/v1/jobs/${job.id}/events`,
    },
  };
}

export type JobPresentation = ReturnType<typeof presentJob>;

/** Whether nothing will change any more. */
export const isOver = (job: Pick<JobView, "state">): boolean =>
  job.state === "completed" || job.state === "cancelled" || job.state === "failed";

/** Whether every row has its verdict row and the summary tells of them. */
const isCounted = (job: Pick<JobView, "state">): boolean => job.state === "completed" || job.state === "cancelled";

function phaseOf(job: JobView): Phase {
  if (isOver(job)) return "ended";
  switch (job.state) {
    case "queued":
      return "waiting";
    case "paused":
      return "paused";
    case "ingesting":
      return job.ingested ? "planning" : "reading";
    case "finalising":
      return "counting";
    default:
      return job.chunks.open > 0 && job.chunks.open === job.chunks.deferred ? "deferred" : "checking";
  }
}

/**
 * Rows per second: of the last minute when enough chunks ended in it to say so, otherwise since the job was set going;
 * null while nothing moves. While the list is read, rows read.
 */
function rateOf(job: JobView, phase: Phase, nowMs: number): number | null {
  if (phase === "reading") {
    const sinceMs = job.started_at?.getTime() ?? nowMs;
    return nowMs > sinceMs ? (1000 * job.staged_rows) / (nowMs - sinceMs) : null;
  }
  if (phase !== "checking" && phase !== "deferred") return null;
  const sinceMs = job.since === null ? nowMs : Date.parse(job.since);
  const seconds = (nowMs - sinceMs) / 1000;
  if (seconds <= 0) return null;
  const { settled, lately, lately_chunks: ended } = job.chunks;
  if (ended >= RATE_CHUNKS_MIN) return lately / Math.min(seconds, RATE_WINDOW_S);
  return Math.max(0, settled - job.settled_before) / seconds;
}

/**
 * Seconds until the last verdict: the open rows at the present rate, and not before the last deferred row is asked
 * again. Null while nobody can tell. As rows run out both parts go to zero, so it converges on the end.
 */
function etaOf(job: JobView, phase: Phase, rate: number | null, nowMs: number): number | null {
  if (phase === "ended" || phase === "counting") return 0;
  if (phase !== "checking" && phase !== "deferred") return null;
  const { open, deferred, last_at: last } = job.chunks;
  const askable = Math.max(0, open - deferred);
  if (askable > 0 && !(rate !== null && rate > 0)) return null;
  const working = askable === 0 ? 0 : askable / (rate ?? 1);
  const waiting = last === null ? 0 : Math.max(0, last.getTime() - nowMs) / 1000;
  return Math.ceil(Math.max(working, waiting));
}

/** Rows that have their verdict. */
function doneOf(job: JobView): number {
  if (isCounted(job)) return job.staged_rows;
  return (job.planned?.decided ?? 0) + job.chunks.settled;
}

/** Taking the list in is a tenth of the way; the verdicts are the rest. */
function percentOf(job: JobView, done: number): number {
  if (isCounted(job)) return 100;
  if (job.planned === null) {
    const atMost = Math.max(1, job.options.rows_at_most, job.staged_rows);
    return Math.floor((10 * job.staged_rows) / atMost);
  }
  const wanted = job.staged_rows - job.planned.waiting_duplicates;
  return wanted === 0 ? 99 : Math.min(99, 10 + Math.floor((90 * done) / wanted));
}

function countsOf(job: JobView): Record<string, number> {
  const counts: Record<string, number> = { deliverable: 0, undeliverable: 0, risky: 0, unknown: 0 };
  const final = job.summary?.by_status;
  const sources = isCounted(job) && typeof final === "object" ? [final] : [job.planned?.counts, job.chunks.counts];
  for (const source of sources) {
    for (const [status, count] of Object.entries(source ?? {})) counts[status] = (counts[status] ?? 0) + Number(count);
  }
  return counts;
}
