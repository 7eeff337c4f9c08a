import { attempt, type Database } from "../data/database.ts";
import { readJob } from "../data/jobs.ts";
import { PROGRESS_EVERY_MS, PROGRESS_FIRST_MS } from "../limits.ts";
import { isOver, type JobPresentation, presentJob } from "./progress.ts";

type Snapshot = { readonly job: JobPresentation | null; readonly over: boolean; readonly at: number };

/** Snapshots that other watchers of the same job in this isolate have just read. */
const fresh = new Map<string, Snapshot>();

/** Watched jobs at once per isolate that share their reads; beyond, each watcher reads for itself. */
const SHARED_JOBS_MAX = 1_000;

/**
 * Progress of a job as server-sent events: the snapshot at once, soon again, and then every two seconds, a comment when the
 * database does not answer, `done` at the end. The event's id is its time; a watcher that comes back with
 * Last-Event-ID gets the current snapshot, which says all that earlier ones said.
 * @param admitted asked before each event whether the key may still see this
 */
export function jobEvents(
  database: Database,
  tenantId: string,
  jobId: string,
  admitted: () => Promise<boolean>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let ticks = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const waitMs = Math.min(PROGRESS_EVERY_MS, PROGRESS_FIRST_MS * 2 ** ticks);
        if (ticks++ > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        if (!(await admitted())) {
          controller.close();
          return;
        }
        const read = await attempt(snapshot(database, tenantId, jobId, waitMs / 2));
        if (!read.ok) {
          controller.enqueue(encoder.encode(": waiting for the database\n\n"));
          return;
        }
        const { job, over, at } = read.value;
        if (job !== null) {
          const name = over ? "done" : "progress";
          controller.enqueue(encoder.encode(`event: ${name}\nid: ${at}\ndata: ${JSON.stringify(job)}\n\n`));
        }
        if (job === null || over) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

async function snapshot(database: Database, tenantId: string, jobId: string, freshMs: number): Promise<Snapshot> {
  const key = `${tenantId}/${jobId}`;
  const shared = fresh.get(key);
  const now = Date.now();
  if (shared !== undefined && now - shared.at < freshMs) return shared;
  const job = await readJob(database, tenantId, jobId);
  const taken = {
    job: job === null ? null : presentJob(job, Date.now()),
    over: job === null || isOver(job),
    at: Date.now(),
  };
  if (taken.over) fresh.delete(key);
  else if (fresh.size < SHARED_JOBS_MAX || fresh.has(key)) fresh.set(key, taken);
  else fresh.clear();
  return taken;
}
