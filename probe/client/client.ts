import { randomUUID } from "node:crypto";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import { type Access, call } from "./call.ts";
import type { Fault } from "./fault.ts";
import { followJob } from "./follow.ts";
import { createdShape, type Job } from "./shapes.ts";

export type ResultFormat = "csv" | "ndjson";

type NewJob = {
  readonly file: Blob;
  readonly fileName: string;
  readonly name: string;
  readonly mode: Mode;
  /** Column of the addresses, by header or number from 1; null: found out. */
  readonly column: string | null;
};

/** The lists' part of the API. Expected failures are values; an aborted signal is one of them. */
export type Client = {
  /** Uploads a list and starts its job. Returns the job's id. */
  createJob(job: NewJob, signal: AbortSignal): Promise<Result<string, Fault>>;
  /** Each view of a job as it comes, to its end; or one fault, which is the last. */
  follow(id: string, signal: AbortSignal): AsyncGenerator<Result<Job, Fault>, void>;
  /** The rows of a job, as far as they are known, as a file's bytes. */
  results(id: string, format: ResultFormat, signal: AbortSignal): Promise<Result<ReadableStream<Uint8Array>, Fault>>;
};

export function createClient(access: Access): Client {
  return {
    async createJob(job, signal) {
      const answer = await call(
        access,
        {
          method: "POST",
          path: "v1/jobs",
          // The same for every try: where the service honours it, one job comes of them.
          headers: { "idempotency-key": randomUUID() },
          body: () => formOf(job),
          repeatable: false,
          answerMaxMs: null,
        },
        signal,
      );
      if (!answer.ok) return answer;
      const created = createdShape.safeParse(await answer.value.json().catch(() => null));
      return created.success ? ok(created.data.id) : err({ kind: "foreign", text: "the answer names no job" });
    },
    follow: (id, signal) => followJob(access, id, signal),
    async results(id, format, signal) {
      const path = `v1/jobs/${encodeURIComponent(id)}/results?format=${format}`;
      const answer = await call(access, { path, repeatable: true }, signal);
      if (!answer.ok) return answer;
      const { body } = answer.value;
      return body === null ? err({ kind: "foreign", text: "the results are empty" }) : ok(body);
    },
  };
}

/** Fields come before the file, so that a reader of the stream knows them in time. */
function formOf({ file, fileName, name, mode, column }: NewJob): FormData {
  const form = new FormData();
  if (name !== "") form.append("name", name);
  form.append("mode", mode);
  if (column !== null) form.append("column", column);
  form.append("file", file, fileName);
  return form;
}
