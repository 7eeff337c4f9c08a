import { createRoute, z } from "@hono/zod-openapi";
import { STATUSES } from "../../../shared/verdict/vocabulary.ts";
import { topDomains } from "../../data/export.ts";
import { JOB_STATES, readJob } from "../../data/jobs.ts";
import { isUuid } from "../../ids.ts";
import { presentJob } from "../../jobs/progress.ts";
import { SUMMARY_DOMAINS } from "../../limits.ts";
import { idParam, json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const byStatus = z.partialRecord(z.enum(STATUSES), z.int());

const summarySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(JOB_STATES),
    total: z.int().nullable().describe("Rows of the list; null until it is read"),
    done: z.int().describe("Rows with a verdict"),
    duplicates: z.int(),
    billed: z.int().nullable().describe("Credits; null until the job ends"),
    by_status: byStatus,
    by_reason: z.record(z.string(), z.int()).nullable().describe("Null until the job ends"),
    domains: z.int().describe("Different domains"),
    top_domains: z
      .array(z.object({ domain: z.string(), rows: z.int(), duplicates: z.int(), by_status: byStatus }))
      .describe("The domains with the most rows, the largest first"),
    created_at: z.string(),
    started_at: z.string().nullable(),
    finished_at: z.string().nullable(),
    seconds: z.number().nullable().describe("From start to end, or until now"),
  })
  .openapi("JobSummary");

const contract = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/summary",
  operationId: "getJobSummary",
  tags: ["Jobs"],
  summary: "Counts, duplicates, domains and time of a job",
  security,
  request: { params: idParam },
  responses: { 200: json("The summary", summarySchema), ...keyedProblems("not_found") },
});

const numbers = z.record(z.string(), z.number()).nullable().catch(null);
const billed = z.number().nullable().catch(null);

/** `GET /v1/jobs/{id}/summary` */
export const jobSummaryRoute: Endpoint = {
  contract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const { database } = call.services;
    const tenantId = call.caller.key.tenant_id;
    const job = isUuid(id) ? await readJob(database, tenantId, id) : null;
    if (job === null) return { slug: "not_found" };
    const { domains, top } = await topDomains(database, tenantId, id, SUMMARY_DOMAINS);
    const { counts, created_at, started_at, finished_at, name, state } = presentJob(job, call.startedMs);
    const endMs = job.finished_at?.getTime() ?? call.startedMs;
    return Response.json({
      id,
      name,
      state,
      total: counts.total,
      done: counts.done,
      duplicates: counts.duplicates,
      billed: billed.parse(job.summary?.billed ?? null),
      by_status: counts.by_status,
      by_reason: numbers.parse(job.summary?.by_reason ?? null),
      domains,
      top_domains: top,
      created_at,
      started_at,
      finished_at,
      seconds: job.started_at === null ? null : Math.max(0, endMs - job.started_at.getTime()) / 1_000,
    });
  },
};
