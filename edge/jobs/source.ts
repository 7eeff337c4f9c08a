import type { Database } from "../data/database.ts";
import { type IngestJob, replaceSource } from "../data/jobs.ts";
import type { Env } from "../env.ts";
import { convert, isResumable } from "../tables/read/convert.ts";
import { type ByteSource, chunksOf, objectSource } from "../tables/source.ts";
import { type Dialect, ListRefused } from "../tables/table.ts";
import { createUpload } from "./upload.ts";

/** Object that holds the list of a job that came with it. */
export const listKey = (tenantId: string, jobId: string): string => `lists/${tenantId}/${jobId}`;

/** Object that holds a job's list as NDJSON, when the list itself cannot be entered in the middle. */
export const rowsKey = (tenantId: string, jobId: string): string => `${listKey(tenantId, jobId)}.rows`;

/** A JSON list of addresses as it is stored: one JSON text per line; an empty one is a row, too. */
export const JSON_LINES: Dialect = {
  kind: "json",
  form: "lines",
  gzip: false,
  encoding: "utf-8",
  start: 0,
  columns: ["email"],
  column: 0,
  skip: 0,
  blanks: true,
};

/** Where a list lies and how to read it. */
export type Source = { readonly key: string; readonly dialect: Dialect };

/** A list in object storage. @throws ListRefused when it is no longer there */
export async function openSource(files: Env["files"], key: string): Promise<ByteSource> {
  const source = await objectSource(files, key);
  if (source === null) throw new ListRefused("unreadable", "The uploaded list is no longer there.");
  return source;
}

/**
 * Sees to it that a job's list can be read in parts: gzip and workbooks are converted once, before the first row is
 * staged. A crash in between converts again, under the same name, which gives the same bytes.
 * @returns where the list lies and how to read it; null when the job is no longer being taken in
 * @throws ListRefused when the list cannot be read to its end
 */
export async function resumable(
  env: Env,
  database: Database,
  tenantId: string,
  jobId: string,
  job: IngestJob,
): Promise<Source | null> {
  const { dialect } = job.options;
  if (dialect === null) throw new ListRefused("empty", "The job has no list.");
  if (isResumable(dialect)) return { key: job.source_key, dialect };
  const key = rowsKey(tenantId, jobId);
  const converted = convert(await openSource(env.files, job.source_key), dialect);
  const upload = createUpload(env.files, key);
  try {
    for await (const piece of chunksOf(converted.stream)) await upload.write(piece);
    await upload.finish();
  } catch (error) {
    await upload.abort();
    throw error;
  }
  const replaced = await replaceSource(database, tenantId, jobId, key, converted.dialect);
  if (!replaced) return null;
  await env.files.delete(job.source_key);
  return { key, dialect: converted.dialect };
}
