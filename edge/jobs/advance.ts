import { ingestMessage, workMessage } from "../../shared/wire/messages.ts";
import { attempt, isIngestStopped, isUnavailable } from "../data/database.ts";
import { failJob, type IngestJob, openIngest, replaceSource } from "../data/jobs.ts";
import { planJob } from "../data/planning.ts";
import { log } from "../log.ts";
import type { Services } from "../services.ts";
import { ListRefused } from "../tables/table.ts";
import { KEPT_S } from "../verify/cache.ts";
import { ingest } from "./ingest.ts";
import { rebuildList } from "./reverify.ts";
import { resumable, rowsKey, type Source } from "./source.ts";
import { endJob, startWaiting, wake } from "./states.ts";

/**
 * Takes a job's list in, as far as one message goes, and plans the job when the list is read. Safe to repeat: what was
 * done is found done.
 */
async function advanceIngest(services: Services, tenantId: string, jobId: string): Promise<void> {
  const { env, database } = services;
  let job = await openIngest(database, tenantId, jobId);
  if (job?.state === "queued") {
    await startWaiting(services, tenantId, jobId);
    job = await openIngest(database, tenantId, jobId);
  }
  if (job === null || job.state !== "ingesting") return;
  if (!job.ingested) {
    try {
      const source = await listOf(services, tenantId, jobId, job);
      if (source === null) return;
      const outcome = await ingest(env.files, database, tenantId, jobId, job, source);
      if (outcome === "more") {
        await env.ingestQueue.send({ kind: "ingest", tenant: tenantId, job: jobId });
        return;
      }
    } catch (error) {
      if (!(error instanceof ListRefused)) throw error;
      log.info({ tenant: tenantId, job: jobId, err: error.message }, "list cannot be read, job failed");
      await failJob(database, tenantId, jobId, error.message);
      await startWaiting(services, tenantId);
      return;
    }
  }
  const plan = { tenantId, jobId, region: env.regions[0], shards: env.hubShards, kept: KEPT_S };
  const planned = await planJob(database, plan);
  if (planned === null) return;
  await Promise.all(planned.hubs.map((hub) => wake(services, hub)));
  if (planned.hubs.length === 0) await endJob(services, tenantId, jobId);
}

/** Where a job's list lies, in a form that can be read in parts; null when the job is no longer being taken in. */
async function listOf(
  { env, database }: Services,
  tenantId: string,
  jobId: string,
  job: IngestJob,
): Promise<Source | null> {
  if (job.options.dialect !== null || job.options.reverify === undefined) {
    return resumable(env, database, tenantId, jobId, job);
  }
  const built = await rebuildList(env, database, tenantId, rowsKey(tenantId, jobId), job);
  return (await replaceSource(database, tenantId, jobId, built.key, built.dialect)) ? built : null;
}

/** Consumer of the `ingest` queue. What is unforeseen is tried again, and ends the job when no retry helps. */
export async function consumeIngest(batch: MessageBatch<unknown>, services: Services): Promise<void> {
  for (const message of batch.messages) {
    const parsed = ingestMessage.safeParse(message.body);
    if (!parsed.success) {
      log.error({ queue: batch.queue, id: message.id }, "unreadable message dropped");
      message.ack();
      continue;
    }
    const { tenant, job } = parsed.data;
    try {
      await advanceIngest(services, tenant, job);
      message.ack();
    } catch (error) {
      if (isIngestStopped(error)) {
        message.ack();
        continue;
      }
      log.error({ tenant, job, err: String(error) }, "ingest interrupted, goes on from its checkpoint");
      // An outage may outlast all retries and must not end the job: the sweep takes it up again when Postgres is back.
      if (isUnavailable(error)) message.ack();
      else message.retry();
    }
  }
}

/** Consumer of the `work` queue: errands that wait for nothing. */
export async function consumeWork(batch: MessageBatch<unknown>, services: Services): Promise<void> {
  const hubs = new Set<string>();
  for (const message of batch.messages) {
    const parsed = workMessage.safeParse(message.body);
    if (!parsed.success) log.error({ queue: batch.queue, id: message.id }, "unreadable message dropped");
    else if (parsed.data.kind === "wake") hubs.add(parsed.data.hub);
    else {
      const { tenant, job } = parsed.data;
      const ended = await attempt(endJob(services, tenant, job));
      if (!ended.ok) {
        log.error({ tenant, job, code: ended.error.code, err: ended.error.message }, "job not ended, tried again");
        message.retry();
        continue;
      }
    }
    message.ack();
  }
  await Promise.all([...hubs].map((hub) => wake(services, hub)));
}

/** A job whose list could not be taken in after all retries ends here. */
export async function buryIngest(services: Services, body: unknown): Promise<void> {
  const parsed = ingestMessage.safeParse(body);
  if (!parsed.success) return;
  const { tenant, job } = parsed.data;
  await failJob(services.database, tenant, job, "The list could not be taken in. Please upload it again.");
  await startWaiting(services, tenant);
}
