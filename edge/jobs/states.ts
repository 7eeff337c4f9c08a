import { addressFacts } from "../../shared/address/facts.ts";
import { decide, emptyEvidence } from "../../shared/verdict/decide.ts";
import {
  type BlankVerdict,
  cancelJob,
  hideJob,
  pauseJob,
  resumeJob,
  type StartedJob,
  startJobs,
} from "../data/job-states.ts";
import { finaliseJob } from "../data/jobs.ts";
import { hubFor } from "../hub/rpc.ts";
import { log } from "../log.ts";
import { JOBS_AT_ONCE } from "../meter/plans.ts";
import type { Services } from "../services.ts";

/** The hub looks for itself; if it cannot be reached now, the next sweep wakes it. */
export async function wake(services: Services, hub: string): Promise<void> {
  await hubFor(services.env, hub)
    .wake()
    .catch((error: unknown) => log.warn({ hub, err: String(error) }, "hub not woken"));
}

/**
 * Gives free slots to waiting jobs of a tenant and sets each going. What is lost on the way (a message, a wake-up) the
 * sweep finds.
 * @param taken a job whose message is at hand: it is not sent another one
 */
export async function startWaiting(services: Services, tenantId: string, taken: string | null = null): Promise<void> {
  const started = await startJobs(services.database, tenantId, JOBS_AT_ONCE);
  await Promise.all(started.filter((job) => job.id !== taken).map((job) => setGoing(services, tenantId, job)));
}

async function setGoing(services: Services, tenantId: string, job: StartedJob): Promise<void> {
  if (job.state === "ingesting") {
    await services.env.ingestQueue.send({ kind: "ingest", tenant: tenantId, job: job.id });
    return;
  }
  await Promise.all(job.hubs.map((hub) => wake(services, hub)));
  if (job.hubs.length === 0) await endJob(services, tenantId, job.id);
}

/** Ends a job if none of its chunks is open, and gives its slot to the next. */
export async function endJob(services: Services, tenantId: string, jobId: string): Promise<void> {
  if (await finaliseJob(services.database, tenantId, jobId)) await startWaiting(services, tenantId);
}

/** What came of a command to a job; `refused`: in its state the job cannot do that, or there is no such job. */
export type Commanded = "done" | "refused";

/** Pauses a job and gives its slot to the next. */
export async function pause(services: Services, tenantId: string, jobId: string): Promise<Commanded> {
  if (!(await pauseJob(services.database, tenantId, jobId))) return "refused";
  await startWaiting(services, tenantId);
  return "done";
}

/** Lets a paused job go on as soon as there is a slot. */
export async function resume(services: Services, tenantId: string, jobId: string): Promise<Commanded> {
  if (!(await resumeJob(services.database, tenantId, jobId))) return "refused";
  await startWaiting(services, tenantId);
  return "done";
}

/** Cancels a job: exactly what was verified is billed. */
export async function cancel(services: Services, tenantId: string, jobId: string): Promise<Commanded> {
  if (!(await cancelJob(services.database, tenantId, jobId, blankVerdict()))) return "refused";
  await startWaiting(services, tenantId);
  return "done";
}

/** Removes a job from the history; one that still works is cancelled first. Its list leaves object storage. */
export async function remove(services: Services, tenantId: string, jobId: string): Promise<Commanded> {
  await cancel(services, tenantId, jobId);
  const hidden = await hideJob(services.database, tenantId, jobId);
  if (hidden === null) return "refused";
  if (hidden.sourceKey !== "") await services.env.files.delete(hidden.sourceKey);
  return "done";
}

/** What decide() says of an address that nobody asked about, as a row without anything of that address. */
export function blankVerdict(): BlankVerdict {
  const { score, reasons, rating, score_version } = decide(
    emptyEvidence(addressFacts("someone@corp-mail.net"), "edge"),
    { roleIsRisky: false },
    0,
  );
  return { score, detail: { reasons, rating, score_version } };
}
