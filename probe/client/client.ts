import { err, ok, type Result } from "../../shared/result.ts";
import { type Access, call } from "./call.ts";
import type { Fault } from "./fault.ts";
import { followJob } from "./follow.ts";
import type { Job } from "./shapes.ts";
import { createJob, type NewJob } from "./upload.ts";

export const RESULT_FORMATS = ["csv", "ndjson", "json", "xlsx"] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** The lists' part of the API. Expected failures are values; an aborted signal is one of them. */
export type Client = {
  /** Uploads a list and starts its job. `sent` is told the bytes that have arrived of a large one. Returns the job's id. */
  createJob(job: NewJob, sent: (bytes: number) => void, signal: AbortSignal): Promise<Result<string, Fault>>;
  /** Each view of a job as it comes, to its end; or one fault, which is the last. */
  follow(id: string, signal: AbortSignal): AsyncGenerator<Result<Job, Fault>, void>;
  /** The rows of a job, as far as they are known, as a file's bytes. */
  results(id: string, format: ResultFormat, signal: AbortSignal): Promise<Result<ReadableStream<Uint8Array>, Fault>>;
};

export function createClient(access: Access): Client {
  return {
    createJob: (job, sent, signal) => createJob(access, job, sent, signal),
    follow: (id, signal) => followJob(access, id, signal),
    async results(id, format, signal) {
      const answer = await call(access, { path: `v1/jobs/${encodeURIComponent(id)}/results?format=${format}` }, signal);
      if (!answer.ok) return answer;
      const { body } = answer.value;
      return body === null ? err({ kind: "foreign", text: "the results are empty" }) : ok(body);
    },
  };
}
