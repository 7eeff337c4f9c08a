import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { STATUSES } from "../../../shared/verdict/vocabulary.ts";
import { relabelJob } from "../../data/job-states.ts";
import { JOB_STATES, listJobs, readJob } from "../../data/jobs.ts";
import { isUuid } from "../../ids.ts";
import { PHASES, presentJob } from "../../jobs/progress.ts";
import { JOB_TAG_MAX_CHARS, JOB_TAGS_MAX } from "../../limits.ts";
import { checked, checkedQuery, readJson } from "../body.ts";
import { idParam, json, jsonBody, keyedProblems, pageOf, pageQuery, security } from "../contract.ts";
import { cursorOf, idIn } from "../cursor.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const time = z.string().nullable().describe("RFC 3339, UTC");

/** A job with its progress. */
export const jobSchema = z
  .object({
    id: z.uuid(),
    parent_id: z.uuid().nullable().describe("Job that this one verifies again"),
    name: z.string(),
    tags: z.array(z.string()),
    state: z.enum(JOB_STATES),
    phase: z.enum(PHASES).describe("What it is at; `deferred`: all open rows wait for their mail hosts"),
    mode: z.string(),
    lane: z.string(),
    percent: z.int().min(0).max(100),
    addresses_per_second: z.number().nullable().describe("Of the last minute, or since it was set going"),
    eta_seconds: z.int().nullable().describe("Until the last verdict at this speed; null while nobody can tell"),
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
    deferred_until: time,
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
    return job === null ? { slug: "not_found" } : Response.json(presentJob(job, Date.now()));
  },
};

const tag = z.string().trim().min(1).max(JOB_TAG_MAX_CHARS);

const listQuery = pageQuery.extend({
  state: z.enum(JOB_STATES).optional(),
  tag: tag.optional().describe("One of the job's tags"),
  name: z.string().max(200).optional().describe("Part of the name, in any case"),
  parent_id: z.uuid().optional().describe("Jobs that verify this one again"),
  created_from: z.iso.datetime({ offset: true }).optional().describe("Not older than this"),
  created_to: z.iso.datetime({ offset: true }).optional().describe("Older than this"),
});

const listContract = createRoute({
  method: "get",
  path: "/v1/jobs",
  operationId: "listJobs",
  tags: ["Jobs"],
  summary: "Jobs, newest first",
  description: "Counts by status and of open rows are on each job's own page.",
  security,
  request: { query: listQuery },
  responses: { 200: json("A page of jobs", pageOf(jobSchema)), ...keyedProblems("invalid_request") },
});

/** `GET /v1/jobs` */
export const listJobsRoute: Endpoint = {
  contract: listContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const query = checkedQuery(listQuery, call.request.url);
    if (!query.ok) return query.error;
    const { limit, cursor, ...filter } = query.value;
    const before = cursor === undefined ? null : idIn(cursor);
    if (cursor !== undefined && before === null) {
      return { slug: "invalid_request", errors: [{ parameter: "cursor", detail: "is not one of ours" }] };
    }
    const { database } = call.services;
    const jobs = await listJobs(database, call.caller.key.tenant_id, limit + 1, before, filter);
    const page = jobs.slice(0, limit);
    const last = page.at(-1);
    const more = jobs.length > limit && last !== undefined;
    const now = Date.now();
    return Response.json({
      data: page.map((job) => presentJob(job, now)),
      next_cursor: more ? cursorOf(last.id) : null,
    });
  },
};

/** Tags of a job, each once. */
export const tagsSchema = z
  .array(tag)
  .max(JOB_TAGS_MAX)
  .transform((tags) => [...new Set(tags)])
  .describe("For finding it again: a campaign, a customer");

const labels = z.object({ name: z.string().max(200).optional(), tags: tagsSchema.optional() }).openapi("JobLabels");

const patchContract = createRoute({
  method: "patch",
  path: "/v1/jobs/{id}",
  operationId: "labelJob",
  tags: ["Jobs"],
  summary: "Rename a job or set its tags",
  security,
  request: { params: idParam, body: jsonBody(labels) },
  responses: {
    200: json("The job", jobSchema),
    ...keyedProblems("not_found", "malformed_json", "invalid_request", "unsupported_media_type"),
  },
});

/** `PATCH /v1/jobs/{id}` */
export const labelJobRoute: Endpoint = {
  contract: patchContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
    if (!raw.ok) return raw.error;
    const body = checked(labels, raw.value);
    if (!body.ok) return body.error;
    const id = call.param("id");
    const { database } = call.services;
    const tenantId = call.caller.key.tenant_id;
    const found = isUuid(id) && (await relabelJob(database, tenantId, id, body.value));
    const job = found ? await readJob(database, tenantId, id) : null;
    return job === null ? { slug: "not_found" } : Response.json(presentJob(job, Date.now()));
  },
};
