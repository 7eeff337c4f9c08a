import { z } from "@hono/zod-openapi";
import type { StoredUpload } from "../data/uploads.ts";
import { missingParts, partCount } from "../jobs/uploads.ts";

/** An upload as its owner sees it. */
export const uploadSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(["open", "ready", "used"]).describe("`open` while parts are missing, `used` once it made a job"),
    bytes: z.int(),
    part_bytes: z.int().nullable().describe("Size of every part but the last; null when it came in one piece"),
    parts: z.int().describe("Number of parts"),
    parts_received: z.array(z.int()),
    job_id: z.uuid().nullable(),
    created_at: z.string(),
    expires_at: z.string(),
    links: z.object({ self: z.string() }),
  })
  .openapi("Upload");

/** An upload that was looked at. */
export const previewSchema = uploadSchema
  .extend({
    format: z.enum(["csv", "text", "json", "ndjson", "xlsx"]),
    gzip: z.boolean(),
    encoding: z.string().nullable(),
    delimiter: z.string().nullable(),
    header: z.boolean().describe("The first record names the columns"),
    columns: z.array(z.string()),
    email_column: z.string(),
    email_column_number: z.int().describe("From 1"),
    alternatives: z.array(z.string()).describe("Other columns that hold addresses, best first"),
    sheet: z.string().nullable(),
    sheets: z.array(z.string()),
    rows: z.array(z.array(z.string())).describe("The first rows, one cell per column; long cells are shortened"),
    rows_at_most: z.int().describe("About the most rows that the list can have; the job's hold until it is read"),
  })
  .openapi("UploadPreview");

export function presentUpload(upload: StoredUpload) {
  const { id, name, state, bytes } = upload;
  const missing = new Set(missingParts(upload));
  const numbers = Array.from({ length: partCount(upload) }, (_, index) => index + 1);
  return {
    id,
    name,
    state,
    bytes,
    part_bytes: upload.part_bytes,
    parts: numbers.length,
    parts_received: numbers.filter((number) => !missing.has(number)),
    job_id: upload.job_id,
    created_at: upload.created_at.toISOString(),
    expires_at: upload.expires_at.toISOString(),
    links: { self: `/v1/uploads/${id}` },
  };
}
