import { createRoute, z } from "@hono/zod-openapi";
import { STATUSES } from "../../../shared/verdict/vocabulary.ts";
import { transitions } from "../../data/history.ts";
import { readJob } from "../../data/jobs.ts";
import { isUuid } from "../../ids.ts";
import { comparison } from "../../jobs/compare.ts";
import { FORMATS } from "../../tables/write/encode.ts";
import { checkedQuery } from "../body.ts";
import { idParam, json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const query = z.object({
  with: z.uuid().describe("The earlier job"),
  format: z.enum(["summary", "csv", "ndjson", "json", "xlsx"]).default("summary"),
  rows: z.enum(["changed", "all"]).default("changed").describe("Whether addresses that stayed the same are listed"),
});

const status = z.enum(STATUSES).nullable();

const summarySchema = z
  .object({
    before: z.uuid(),
    after: z.uuid(),
    same: z.int().describe("Addresses of which both say the same"),
    changed: z.int().describe("Addresses with another status or reason"),
    added: z.int().describe("Addresses that only the later job has"),
    removed: z.int().describe("Addresses that only the earlier job has"),
    transitions: z.array(z.object({ before: status, after: status, addresses: z.int() })),
  })
  .openapi("JobComparison");

const contract = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/compare",
  operationId: "compareJobs",
  tags: ["Jobs"],
  summary: "What changed since an earlier run",
  description:
    "Addresses are compared in any case, each once. As `summary` counts; as a file one row per address: `change` " +
    "(`changed`, `added`, `removed`, with `rows=all` also `same`), and status, reason and score before and after.",
  security,
  request: { params: idParam, query },
  responses: {
    200: {
      description: "The comparison",
      content: {
        ...json("", summarySchema).content,
        "text/csv": { schema: z.string() },
        "application/x-ndjson": { schema: z.string() },
      },
    },
    ...keyedProblems("not_found", "invalid_request"),
  },
});

/** `GET /v1/jobs/{id}/compare` */
export const compareJobsRoute: Endpoint = { contract, scope: "jobs", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const options = checkedQuery(query, call.request.url);
  if (!options.ok) return options.error;
  const { with: earlier, format, rows } = options.value;
  const id = call.param("id");
  const { database } = call.services;
  const tenantId = call.caller.key.tenant_id;
  const [after, before] = await Promise.all(
    [id, earlier].map((one) => (isUuid(one) ? readJob(database, tenantId, one) : null)),
  );
  if (after == null || before == null) return { slug: "not_found" };
  if (format === "summary") return summary(call, before.id, after.id);
  const run = (job: { readonly id: string; readonly staged_rows: number }) => ({ id: job.id, rows: job.staged_rows });
  const { type, extension } = FORMATS[format];
  return new Response(comparison(database, tenantId, run(before), run(after), format, rows === "all"), {
    headers: {
      "content-type": type,
      "content-disposition": `attachment; filename="${id}-changes.${extension}"`,
      "cache-control": "no-store",
    },
  });
}

async function summary(call: KeyedCall, before: string, after: string): Promise<Response> {
  const rows = await transitions(call.services.database, call.caller.key.tenant_id, before, after);
  const sums = { same: 0, changed: 0, added: 0, removed: 0 };
  for (const row of rows) {
    if (row.before === null) sums.added += row.addresses;
    else if (row.after === null) sums.removed += row.addresses;
    else {
      const changed = row.before === row.after ? row.reasons_changed : row.addresses;
      sums.changed += changed;
      sums.same += row.addresses - changed;
    }
  }
  const counted = rows.map((row) => ({ before: row.before, after: row.after, addresses: row.addresses }));
  return Response.json({ before, after, ...sums, transitions: counted });
}
