import { CHUNK_OUT_MAX_MS } from "../../shared/limits.ts";
import { createDispatch, type Dispatch } from "../data/dispatch.ts";
import { purgeKeys } from "../data/idempotency.ts";
import { tenantsToStart } from "../data/job-states.ts";
import { hubFor } from "../hub/rpc.ts";
import { IDEMPOTENCY_PURGE_MAX, JOB_IDLE_MS, SWEEP_MAX } from "../limits.ts";
import { log } from "../log.ts";
import { JOBS_AT_ONCE } from "../meter/plans.ts";
import type { Services } from "../services.ts";
import { moveBetweenRegions } from "./moves.ts";
import { endJob, startWaiting } from "./states.ts";
import { expireUploads } from "./uploads.ts";

/** Months of verdict partitions that are kept ready. */
const PARTITION_MONTHS = 3;

/**
 * The minute's sweep: whatever a crash left lying is picked up here. Its steps are independent; one that fails is
 * logged and done again by the next sweep.
 */
export async function sweep(services: Services): Promise<void> {
  const dispatch = createDispatch(services.database);
  const steps: Record<string, () => Promise<void>> = {
    partitions: async () => {
      await dispatch.ensurePartitions(PARTITION_MONTHS);
    },
    chunks: () => replanLost(services, dispatch),
    jobs: () => advanceJobs(services, dispatch),
    waiting: () => startAll(services),
    regions: () => moveBetweenRegions(services.env, dispatch),
    hubs: () => wakeDue(services, dispatch),
    idempotency: () => purgeKeys(services.database, IDEMPOTENCY_PURGE_MAX),
    uploads: () => expireUploads(services),
  };
  for (const [step, run] of Object.entries(steps)) {
    try {
      await run();
    } catch (error) {
      log.error({ step, err: String(error) }, "sweep step failed");
    }
  }
}

async function wakeDue(services: Services, dispatch: Dispatch): Promise<void> {
  const hubs = await dispatch.dueHubs();
  await Promise.all(hubs.map((hub) => hubFor(services.env, hub).wake()));
}

/** Chunks that have been out for long and that their hub no longer knows are planned again, under a new ticket. */
async function replanLost(services: Services, dispatch: Dispatch): Promise<void> {
  const stale = await dispatch.staleChunks(CHUNK_OUT_MAX_MS, SWEEP_MAX);
  const byHub = Map.groupBy(stale, (chunk) => chunk.hub);
  for (const [hub, chunks] of byHub) {
    const known = new Set(await hubFor(services.env, hub).known(chunks.map((chunk) => chunk.id)));
    const lost = chunks.filter((chunk) => !known.has(chunk.id));
    if (lost.length === 0) continue;
    const planned = await dispatch.replan(lost.map(({ id, ticket }) => ({ id, ticket })));
    log.warn({ hub, chunks: planned }, "lost chunks planned again");
  }
}

async function advanceJobs(services: Services, dispatch: Dispatch): Promise<void> {
  for (const job of await dispatch.jobsToAdvance(JOB_IDLE_MS, SWEEP_MAX)) {
    if (job.state === "ingesting") {
      await services.env.ingestQueue.send({ kind: "ingest", tenant: job.tenantId, job: job.id });
    } else {
      await endJob(services, job.tenantId, job.id).catch((error: unknown) =>
        log.error({ tenant: job.tenantId, job: job.id, err: String(error) }, "job not ended"),
      );
    }
  }
}

/** Jobs that wait although their tenant has a slot free: the end of another, or their own message, got lost. */
async function startAll(services: Services): Promise<void> {
  for (const tenant of await tenantsToStart(services.database, JOBS_AT_ONCE, SWEEP_MAX)) {
    await startWaiting(services, tenant);
  }
}
