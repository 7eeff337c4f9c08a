import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { REASONS, STATUSES } from "../../../shared/verdict/vocabulary.ts";
import { eraseResults } from "../../data/erasure.ts";
import { listJobs } from "../../data/jobs.ts";
import { exportJobs } from "../../jobs/bulk-export.ts";
import { BULK_EXPORT_JOBS_MAX, JOB_TAG_MAX_CHARS } from "../../limits.ts";
import { FORMATS } from "../../tables/write/encode.ts";
import { checked, readJson } from "../body.ts";
import { json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const criteria = {
  status: z.array(z.enum(STATUSES)).min(1).optional().describe("Any of these; without it all"),
  reason: z.array(z.enum(REASONS)).min(1).optional(),
};

const deletion = z
  .object({
    job: z.uuid().describe("A job that has ended"),
    ...criteria,
    before: z.iso.datetime({ offset: true }).optional().describe("Checked before this time"),
  })
  .openapi("ResultDeletion");

const deleteContract = createRoute({
  method: "post",
  path: "/v1/results/delete",
  operationId: "deleteResults",
  tags: ["History"],
  summary: "Delete results of a job by what was found and when",
  description: "The rows leave exports, comparisons and look-ups for good. Counts and the bill of the job stay.",
  security,
  request: { body: jsonBody(deletion) },
  responses: {
    200: json("How many", z.object({ deleted: z.int() })),
    ...keyedProblems("not_found", "malformed_json", "invalid_request", "unsupported_media_type"),
  },
});

/** `POST /v1/results/delete` */
export const deleteResultsRoute: Endpoint = {
  contract: deleteContract,
  scope: "jobs",
  idempotentMaxBytes: JSON_BODY_MAX_BYTES,
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
    if (!raw.ok) return raw.error;
    const body = checked(deletion, raw.value);
    if (!body.ok) return body.error;
    const { job, status, reason, before } = body.value;
    const { tenant_id: tenantId, id: keyId } = call.caller.key;
    const wanted = { job, statuses: status ?? null, reasons: reason ?? null, before: before ?? null };
    const actor = { keyId, traceId: call.trace.traceId };
    const deleted = await eraseResults(call.services.database, tenantId, wanted, actor);
    return deleted === null
      ? { slug: "not_found", detail: "There is no such job, or it has not ended." }
      : Response.json({ deleted });
  },
};

const selection = z
  .object({
    jobs: z.array(z.uuid()).min(1).max(BULK_EXPORT_JOBS_MAX).optional().describe("These jobs"),
    tag: z.string().trim().min(1).max(JOB_TAG_MAX_CHARS).optional().describe("Jobs with this tag"),
    created_from: z.iso.datetime({ offset: true }).optional(),
    created_to: z.iso.datetime({ offset: true }).optional(),
    ...criteria,
    format: z.enum(["csv", "ndjson", "json", "xlsx"]).default("csv"),
  })
  .openapi("ResultSelection");

const exportContract = createRoute({
  method: "post",
  path: "/v1/results/export",
  operationId: "exportResults",
  tags: ["History"],
  summary: "Results of several jobs in one file",
  description: `Of at most ${BULK_EXPORT_JOBS_MAX} jobs, newest first, each row with its job. The lists' own columns are in each job's own export.`,
  security,
  request: { body: jsonBody(selection) },
  responses: {
    200: { description: "The rows", content: { "text/csv": { schema: z.string() } } },
    ...keyedProblems("malformed_json", "invalid_request", "unsupported_media_type"),
  },
});

/** `POST /v1/results/export` */
export const exportResultsRoute: Endpoint = {
  contract: exportContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
    if (!raw.ok) return raw.error;
    const body = checked(selection, raw.value);
    if (!body.ok) return body.error;
    const { jobs: ids, status, reason, format, ...filter } = body.value;
    const { database } = call.services;
    const tenantId = call.caller.key.tenant_id;
    const jobs = await listJobs(database, tenantId, BULK_EXPORT_JOBS_MAX, null, { ...filter, ids });
    const { type, extension } = FORMATS[format];
    const wanted = { statuses: status ?? [], reasons: reason ?? [] };
    return new Response(exportJobs(database, tenantId, jobs, wanted, format), {
      headers: {
        "content-type": type,
        "content-disposition": `attachment; filename="results.${extension}"`,
        "cache-control": "no-store",
      },
    });
  },
};
