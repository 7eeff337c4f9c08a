import type { Result } from "../../shared/result.ts";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import type { KnownKey } from "../access.ts";
import { createJob } from "../data/jobs.ts";
import type { Services } from "../services.ts";
import type { ListFormat } from "./list.ts";
import { type SniffFault, sniffCsv } from "./sniff.ts";
import type { Upload } from "./upload.ts";

type JobSettings = {
  readonly name: string;
  readonly mode: Mode;
  /** 1 high, 2 normal, 3 low. */
  readonly lane: number;
};

/** A list that lies in object storage and a job that is to be made of it. */
type Submission = JobSettings & {
  readonly id: string;
  readonly caller: KnownKey;
  readonly key: string;
  readonly format: ListFormat;
  readonly rowsAtMost: number;
  readonly traceId: string;
};

/** Object that holds a job's list. */
export const listKey = (tenantId: string, jobId: string): string => `lists/${tenantId}/${jobId}`;

/** Looks at what was uploaded; a list that cannot be read is refused before a job exists. */
export function formatOf(upload: Upload, column: string | null): Promise<Result<ListFormat, SniffFault>> {
  const head = upload.head();
  return sniffCsv(head, column, head.length === upload.bytes);
}

/** Makes the job and starts it. If the message is lost the sweep starts it. */
export async function submit(services: Services, job: Submission): Promise<void> {
  const { id, caller, name, mode, lane, key: sourceKey, format, rowsAtMost: hold, traceId } = job;
  const { tenant_id: tenantId, id: keyId } = caller.key;
  const { roleIsRisky } = caller;
  await createJob(services.database, {
    id,
    tenantId,
    keyId,
    name,
    lane,
    mode,
    roleIsRisky,
    sourceKey,
    format,
    hold,
    traceId,
  });
  await services.env.ingestQueue.send({ kind: "ingest", tenant: tenantId, job: id });
}

/** The lines of a JSON list as they are stored: one JSON text each. */
export function* jsonLinesOf(emails: readonly string[]): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let from = 0; from < emails.length; from += 1_000) {
    const lines = emails.slice(from, from + 1_000).map((email) => `${JSON.stringify(email)}\n`);
    yield encoder.encode(lines.join(""));
  }
}
