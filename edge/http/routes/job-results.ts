import { createRoute, z } from "@hono/zod-openapi";
import { verdictSchema } from "../../../shared/verdict/schema.ts";
import { REASONS, STATUSES } from "../../../shared/verdict/vocabulary.ts";
import { FLAG_FILTERS, readExportJob } from "../../data/export.ts";
import { isUuid } from "../../ids.ts";
import { SHAPES } from "../../jobs/columns.ts";
import { exportStream } from "../../jobs/export.ts";
import { FORMATS } from "../../tables/write/encode.ts";
import { checkedQuery } from "../body.ts";
import { idParam, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

/** Names with commas between. */
const anyOf = <T extends string>(values: readonly [T, ...T[]]) =>
  z
    .string()
    .transform((text) => (text === "" ? [] : text.split(",").map((one) => one.trim())))
    .pipe(z.array(z.enum(values)))
    .default([])
    .openapi({ type: "string" });

const query = z.object({
  format: z.enum(["csv", "ndjson", "json", "xlsx"]).default("csv"),
  shape: z.enum(SHAPES).default("standard").describe("`legacy`: the fields of the older product"),
  status: anyOf(STATUSES).describe("Only these statuses, separated by commas"),
  reason: anyOf(REASONS).describe("Only these reasons"),
  flag: anyOf(FLAG_FILTERS).describe("Only rows with one of these flags"),
  duplicates: z.enum(["include", "skip", "only"]).default("include"),
  pending: z.enum(["include", "skip"]).default("include").describe("Rows that have no verdict yet"),
  columns: z
    .string()
    .max(10_000)
    .transform((text) => text.split(",").map((one) => one.trim()))
    .optional()
    .openapi({ type: "string" })
    .describe("Names of columns to keep, in this order: those of the list and of the verdict"),
  bom: z.enum(["true", "false"]).default("false").describe("CSV: begin with a byte order mark, for Excel"),
});

const resultSchema = verdictSchema
  .extend({
    row: z.int().describe("Number of the row in the list, from 1"),
    duplicate_of: z.int().nullable().describe("Row that this one repeats"),
    provisional: z.boolean().describe("The row is still open"),
  })
  .openapi("ResultRow");

const file = (description: string) => ({
  description,
  content: {
    "text/csv": { schema: z.string() },
    "application/x-ndjson": { schema: resultSchema },
    "application/json": { schema: z.array(resultSchema) },
    [FORMATS.xlsx.type]: { schema: z.string().openapi({ type: "string", format: "binary" }) },
  },
});

const contract = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/results",
  operationId: "getJobResults",
  tags: ["Jobs"],
  summary: "Results in the order of the list",
  description:
    "The list's own columns as they were, then those of the verdict; a name that the list already has gets a number " +
    "behind it. Can be fetched while the job runs: rows still open come as `unknown`, `not_checked`, `provisional`, " +
    "and are left out when `status`, `reason` or `flag` filter. In CSV a cell that a spreadsheet would run as a " +
    "formula begins with an apostrophe.",
  security,
  request: { params: idParam, query },
  responses: { 200: file("The rows"), ...keyedProblems("not_found", "invalid_request", "list_unreadable") },
});

/** `GET /v1/jobs/{id}/results` */
export const jobResultsRoute: Endpoint = { contract, scope: "jobs", handle: (call) => results(call, null) };

const duplicatesContract = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/duplicates",
  operationId: "getJobDuplicates",
  tags: ["Jobs"],
  summary: "Rows that repeat others",
  description: "The results of the rows whose `duplicate_of` names the row they repeat, by the job's `dedupe`.",
  security,
  request: { params: idParam, query: query.omit({ duplicates: true }) },
  responses: { 200: file("The duplicates"), ...keyedProblems("not_found", "invalid_request", "list_unreadable") },
});

/** `GET /v1/jobs/{id}/duplicates` */
export const jobDuplicatesRoute: Endpoint = {
  contract: duplicatesContract,
  scope: "jobs",
  handle: (call) => results(call, "only"),
};

async function results(call: KeyedCall, duplicates: "only" | null): Promise<Response | Problem> {
  const options = checkedQuery(query, call.request.url);
  if (!options.ok) return options.error;
  const { format, shape, columns, bom, ...given } = options.value;
  const id = call.param("id");
  const { database, env } = call.services;
  const tenantId = call.caller.key.tenant_id;
  const job = isUuid(id) ? await readExportJob(database, tenantId, id) : null;
  if (job === null) return { slug: "not_found" };
  const stream = await exportStream(env.files, database, tenantId, job, {
    format,
    shape,
    columns: columns ?? null,
    bom: bom === "true",
    filter: {
      statuses: given.status,
      reasons: given.reason,
      flags: given.flag,
      duplicates: duplicates ?? given.duplicates,
      pending: given.pending,
    },
  });
  if (!stream.ok) {
    return {
      slug: "invalid_request",
      errors: [{ parameter: "columns", detail: `there is no column "${stream.error}"` }],
    };
  }
  const { type, extension } = FORMATS[format];
  const suffix = duplicates === null ? "" : "-duplicates";
  return new Response(stream.value, {
    headers: {
      "content-type": type,
      "content-disposition": `attachment; filename="${id}${suffix}.${extension}"`,
      "cache-control": "no-store",
    },
  });
}
