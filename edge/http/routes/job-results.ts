import { createRoute, z } from "@hono/zod-openapi";
import { verdictSchema } from "../../../shared/verdict/schema.ts";
import { readJob } from "../../data/jobs.ts";
import { isUuid } from "../../ids.ts";
import { EXPORT_FORMATS, EXPORT_TYPES, exportStream } from "../../jobs/export.ts";
import { checkedQuery } from "../body.ts";
import { idParam, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const query = z.object({ format: z.enum(EXPORT_FORMATS).default("csv") });

const resultSchema = verdictSchema
  .extend({
    row: z.int().describe("Number of the row in the list, from 1"),
    duplicate_of: z.int().nullable().describe("Row that this one repeats"),
    provisional: z.boolean().describe("The row is still open"),
  })
  .openapi("ResultRow");

const contract = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/results",
  operationId: "getJobResults",
  tags: ["Jobs"],
  summary: "Results in the order of the list",
  description:
    "Can be fetched while the job runs: rows still open come as `unknown`, `not_checked`, `provisional`. In CSV a cell " +
    "that a spreadsheet would run as a formula begins with an apostrophe.",
  security,
  request: { params: idParam, query },
  responses: {
    200: {
      description: "All rows",
      content: {
        "text/csv": { schema: z.string() },
        "application/x-ndjson": { schema: resultSchema },
      },
    },
    ...keyedProblems("not_found", "invalid_request"),
  },
});

/** `GET /v1/jobs/{id}/results` */
export const jobResultsRoute: Endpoint = { contract, scope: "jobs", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const options = checkedQuery(query, call.request.url);
  if (!options.ok) return options.error;
  const { format } = options.value;
  const id = call.param("id");
  const { database } = call.services;
  const tenantId = call.caller.key.tenant_id;
  const job = isUuid(id) ? await readJob(database, tenantId, id) : null;
  if (job === null) return { slug: "not_found" };
  return new Response(exportStream(database, tenantId, id, format), {
    headers: {
      "content-type": EXPORT_TYPES[format],
      "content-disposition": `attachment; filename="${id}.${format}"`,
      "cache-control": "no-store",
    },
  });
}
