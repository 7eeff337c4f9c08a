import { createRoute, z } from "@hono/zod-openapi";
import { STATUSES } from "../../../shared/verdict/vocabulary.ts";
import { JOB_STATES, listJobs, readJob } from "../../data/jobs.ts";
import { isUuid } from "../../ids.ts";
import { presentJob } from "../../jobs/progress.ts";
import { checkedQuery } from "../body.ts";
import { idParam, json, keyedProblems, pageOf, pageQuery, security } from "../contract.ts";
import { cursorOf, idIn } from "../cursor.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const time = z.string().nullable().describe("RFC 3339, UTC");

/** A job with its progress. */
const jobSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(JOB_STATES),
    mode: z.string(),
    lane: z.string(),
    percent: z.int().min(0).max(100),
    counts: z.object({
      total: z.int().nullable().describe("Rows of the list; null until it is read"),
      staged: z.int().describe("Rows read so far"),
      done: z.int().describe("Rows with a verdict"),
      open: z.int().nullable().describe("Rows still to be checked, duplicates left out"),
      deferred: z.int().describe("Open rows whose mail host asked to come back later"),
      duplicates: z.int(),
      by_status: z.record(z.enum(STATUSES), z.int()),
    }),
    next_attempt_at: time,
    summary: z.record(z.string(), z.unknown()).nullable().describe("Final counts, once completed"),
    error: z.string().nullable().describe("Why the job failed"),
    created_at: z.string(),
    started_at: time,
    finished_at: time,
    links: z.object({ self: z.string(), results: z.string(), events: z.string() }),
  })
  .openapi("Job");

const getContract = createRoute({
  method: "get",
  path: "/v1/jobs/{id}",
  operationId: "getJob",
  tags: ["Jobs"],
  summary: "A job and its progress",
  security,
  request: { params: idParam },
  responses: { 200: json("The job", jobSchema), ...keyedProblems("not_found") },
});

/** `GET /v1/jobs/{id}` */
export const jobRoute: Endpoint = {
  contract: getContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const job = isUuid(id) ? await readJob(call.services.database, call.caller.key.tenant_id, id) : null;
    return job === null ? { slug: "not_found" } : Response.json(presentJob(job));
  },
};

const listContract = createRoute({
  method: "get",
  path: "/v1/jobs",
  operationId: "listJobs",
  tags: ["Jobs"],
  summary: "Jobs, newest first",
  description: "Counts by status and of open rows are on each job's own page.",
  security,
  request: { query: pageQuery },
  responses: { 200: json("A page of jobs", pageOf(jobSchema)), ...keyedProblems("invalid_request") },
});

/** `GET /v1/jobs` */
export const listJobsRoute: Endpoint = {
  contract: listContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const query = checkedQuery(pageQuery, call.request.url);
    if (!query.ok) return query.error;
    const { limit, cursor } = query.value;
    const before = cursor === undefined ? null : idIn(cursor);
    if (cursor !== undefined && before === null) {
      return { slug: "invalid_request", errors: [{ parameter: "cursor", detail: "is not one of ours" }] };
    }
    const { database } = call.services;
    const jobs = await listJobs(database, call.caller.key.tenant_id, limit + 1, before);
    const page = jobs.slice(0, limit);
    const last = page.at(-1);
    const more = jobs.length > limit && last !== undefined;
    return Response.json({ data: page.map(presentJob), next_cursor: more ? cursorOf(last.id) : null });
  },
};
