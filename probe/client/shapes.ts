import { z } from "zod";

const count = z.number().int().min(0);
const time = z.string().nullable();

/** A job as `GET /v1/jobs/{id}` shows it. States and statuses are open sets: a newer service may know more. */
export const jobShape = z.object({
  id: z.string(),
  state: z.string(),
  /** What it is at: finer than the state. */
  phase: z.string(),
  percent: z.number(),
  addresses_per_second: z.number().nullable(),
  eta_seconds: z.number().nullable(),
  counts: z.object({
    /** Rows of the list; null until it is read. */
    total: count.nullable(),
    staged: count,
    done: count,
    open: count.nullable(),
    deferred: count,
    duplicates: count,
    by_status: z.record(z.string(), count),
  }),
  next_attempt_at: time,
  error: z.string().nullable(),
  started_at: time,
  finished_at: time,
});
export type Job = z.infer<typeof jobShape>;

export const createdShape = z.object({ id: z.string() });

/** An upload that waits for its parts; part n begins at byte (n - 1) × `part_bytes`. */
export const uploadShape = z.object({ id: z.string(), part_bytes: z.number().int().positive() });

/** An RFC 9457 problem, as far as it is shown to people. */
export const problemShape = z.object({
  title: z.string(),
  detail: z.string().default(""),
  trace_id: z.string().optional(),
  errors: z
    .array(z.object({ pointer: z.string().optional(), parameter: z.string().optional(), detail: z.string() }))
    .default([]),
});

/** Whether nothing about the job will change any more. */
export const isOver = (job: Job): boolean =>
  job.state === "completed" || job.state === "cancelled" || job.state === "failed";
