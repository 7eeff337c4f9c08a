import type { JobView } from "../data/jobs.ts";

const LANE_NAMES = ["realtime", "high", "normal", "low"] as const;

/** A job as its owner sees it, from its row and the sums over its chunks. */
export function presentJob(job: JobView) {
  const total = job.ingested ? job.staged_rows : null;
  const done = doneOf(job);
  const waiting = job.state === "completed" ? 0 : (job.planned?.waiting_duplicates ?? 0);
  return {
    id: job.id,
    name: job.name,
    state: job.state,
    mode: job.mode,
    lane: LANE_NAMES[job.lane] ?? "normal",
    percent: percentOf(job, done),
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

/** Rows that have their verdict. */
function doneOf(job: JobView): number {
  if (job.state === "completed") return job.staged_rows;
  return (job.planned?.decided ?? 0) + job.chunks.settled;
}

/** Taking the list in is a tenth of the way; the verdicts are the rest. */
function percentOf(job: JobView, done: number): number {
  if (job.state === "completed") return 100;
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
  const sources =
    job.state === "completed" && typeof final === "object" ? [final] : [job.planned?.counts, job.chunks.counts];
  for (const source of sources) {
    for (const [status, count] of Object.entries(source ?? {})) counts[status] = (counts[status] ?? 0) + Number(count);
  }
  return counts;
}
