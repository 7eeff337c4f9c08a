import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { UPLOAD_MAX_BYTES } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import { type Access, call, type Request } from "./call.ts";
import type { Fault } from "./fault.ts";
import { FORM_OVERHEAD_BYTES, PARTS_IN_FLIGHT } from "./limits.ts";
import { createdShape, uploadShape } from "./shapes.ts";

export type NewJob = {
  readonly file: Blob;
  readonly fileName: string;
  readonly name: string;
  readonly mode: Mode;
  /** Column of the addresses, by header or number from 1; null: found out. */
  readonly column: string | null;
};

/**
 * Uploads a list and starts its job: in one form, or in parts where it is too large for that.
 * @param sent told how many bytes have arrived, where there are parts
 * @returns the job's id
 */
export async function createJob(
  access: Access,
  job: NewJob,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Result<string, Fault>> {
  let request = startOf(formOf(job));
  if (job.file.size + FORM_OVERHEAD_BYTES > UPLOAD_MAX_BYTES) {
    const upload = await sendParts(access, job.file, sent, signal);
    if (!upload.ok) return upload;
    request = startOf(jsonOf(job, upload.value));
  }
  const created = await asked(access, request, createdShape, signal);
  return created.ok ? ok(created.value.id) : created;
}

/** The same key for every try: one job comes of them. */
const startOf = (body: FormData | string): Request => ({
  method: "POST",
  path: "v1/jobs",
  headers: { "idempotency-key": randomUUID(), ...(typeof body === "string" && JSON_TYPE) },
  body,
  answerMaxMs: null,
});

const JSON_TYPE = { "content-type": "application/json" };

function formOf({ file, fileName, name, mode, column }: NewJob): FormData {
  const form = new FormData();
  if (name !== "") form.append("name", name);
  form.append("mode", mode);
  if (column !== null) form.append("column", column);
  form.append("file", file, fileName);
  return form;
}

const jsonOf = ({ name, mode, column }: NewJob, uploadId: string): string =>
  JSON.stringify({ upload_id: uploadId, mode, ...(name !== "" && { name }), ...(column !== null && { column }) });

async function sendParts(
  access: Access,
  file: Blob,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Result<string, Fault>> {
  const announce: Request = {
    method: "POST",
    path: "v1/uploads",
    headers: JSON_TYPE,
    body: JSON.stringify({ bytes: file.size }),
  };
  const opened = await asked(access, announce, uploadShape, signal);
  if (!opened.ok) return opened;
  const { id, part_bytes: partBytes } = opened.value;
  const path = `v1/uploads/${encodeURIComponent(id)}`;
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  let next = 1;
  let arrived = 0;
  let fault: Fault | null = null;
  const worker = async (): Promise<void> => {
    for (let part = next++; (part - 1) * partBytes < file.size && fault === null; part = next++) {
      const body = file.slice((part - 1) * partBytes, part * partBytes);
      const put: Request = { method: "PUT", path: `${path}/parts/${part}`, headers: OCTETS, body, answerMaxMs: null };
      const answer = await call(access, put, both);
      if (answer.ok) {
        await answer.value.body?.cancel();
        arrived += body.size;
        sent(arrived);
      } else {
        fault ??= answer.error;
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: PARTS_IN_FLIGHT }, worker));
  if (fault !== null) return err(fault);
  const done = await call(access, { method: "POST", path: `${path}/complete`, answerMaxMs: null }, signal);
  if (!done.ok) return done;
  await done.value.body?.cancel();
  return ok(id);
}

const OCTETS = { "content-type": "application/octet-stream" };

/** A call whose answer is JSON of a known shape. */
async function asked<T>(
  access: Access,
  request: Request,
  shape: z.ZodType<T>,
  signal: AbortSignal,
): Promise<Result<T, Fault>> {
  const answer = await call(access, request, signal);
  if (!answer.ok) return answer;
  const parsed = shape.safeParse(await answer.value.json().catch(() => null));
  return parsed.success ? ok(parsed.data) : err({ kind: "foreign", text: "the answer is not that of this API" });
}
