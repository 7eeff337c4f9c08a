import { ADDRESS_INPUT_MAX_CHARS } from "../../shared/limits.ts";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import type { KnownKey } from "../access.ts";
import { createJob, type Dedupe } from "../data/jobs.ts";
import type { Services } from "../services.ts";
import type { Dialect } from "../tables/table.ts";

type JobSettings = {
  readonly name: string;
  readonly mode: Mode;
  /** 1 high, 2 normal, 3 low. */
  readonly lane: number;
  readonly dedupe: Dedupe;
  readonly tags: readonly string[];
  /** Ask again whatever is cached. */
  readonly fresh: boolean;
};

/** A list that lies in object storage and a job that is to be made of it. */
type Submission = JobSettings & {
  readonly id: string;
  readonly caller: KnownKey;
  readonly key: string;
  readonly dialect: Dialect;
  readonly rowsAtMost: number;
  /** The upload that the list came as, if it came before the job. */
  readonly uploadId: string | null;
  readonly traceId: string;
};

/**
 * Makes the job and starts it. If the message is lost the sweep starts it. False when the upload was taken by another
 * job in the meantime.
 */
export async function submit(services: Services, job: Submission): Promise<boolean> {
  const { caller, key: sourceKey, rowsAtMost: hold, ...rest } = job;
  const { tenant_id: tenantId, id: keyId } = caller.key;
  const { roleIsRisky } = caller;
  const made = await createJob(services.database, { ...rest, tenantId, keyId, roleIsRisky, sourceKey, hold });
  if (made) await services.env.ingestQueue.send({ kind: "ingest", tenant: tenantId, job: job.id });
  return made;
}

/** Text of a JSON list beyond this is no address, and a record must stay below the bound of records. */
const JSON_ADDRESS_MAX_CHARS = 16 * ADDRESS_INPUT_MAX_CHARS;

/** The lines of a JSON list as they are stored: one JSON text each. */
export function* jsonLinesOf(emails: readonly string[]): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let from = 0; from < emails.length; from += 1_000) {
    const lines = emails
      .slice(from, from + 1_000)
      .map((email) => `${JSON.stringify(email.slice(0, JSON_ADDRESS_MAX_CHARS))}\n`);
    yield encoder.encode(lines.join(""));
  }
}
