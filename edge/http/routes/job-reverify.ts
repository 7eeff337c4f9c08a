import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { readJob } from "../../data/jobs.ts";
import { createRun, REVERIFY_WHICH } from "../../data/reverify.ts";
import { isUuid } from "../../ids.ts";
import { REVERIFY_ITEMS_MAX } from "../../limits.ts";
import { checked, readJson } from "../body.ts";
import { idParam, json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";
import { tagsSchema } from "./jobs.ts";

const LANES = ["high", "normal", "low"] as const;

const body = z
  .object({
    which: z.enum(REVERIFY_WHICH).default("unknown").describe("`selected`: the rows in `items`"),
    items: z.array(z.int().min(1)).max(REVERIFY_ITEMS_MAX).default([]).describe("Row numbers of the job"),
    name: z.string().max(200).optional(),
    tags: tagsSchema.optional(),
    lane: z.enum(LANES).optional(),
  })
  .openapi("Reverification");

const createdSchema = z
  .object({
    id: z.uuid(),
    parent_id: z.uuid(),
    state: z.literal("queued"),
    rows: z.int(),
    links: z.object({ self: z.string(), results: z.string(), events: z.string() }),
  })
  .openapi("ReverificationCreated");

const contract = createRoute({
  method: "post",
  path: "/v1/jobs/{id}/reverify",
  operationId: "reverifyJob",
  tags: ["Jobs"],
  summary: "Verify rows of an ended job again",
  description:
    "Makes a new job with `parent_id`, of all rows, those that are unknown, or selected ones, with the list's own " +
    "columns; name, tags and urgency are those of the job unless named. Nothing is answered from the cache.",
  security,
  request: { params: idParam, body: jsonBody(body) },
  responses: {
    202: json("The new job is queued", createdSchema),
    ...keyedProblems(
      "not_found",
      "wrong_state",
      "empty_list",
      "sandbox_only",
      "malformed_json",
      "invalid_request",
      "unsupported_media_type",
    ),
  },
});

/** `POST /v1/jobs/{id}/reverify` */
export const reverifyJobRoute: Endpoint = {
  contract,
  scope: "jobs",
  idempotentMaxBytes: JSON_BODY_MAX_BYTES,
  handle,
};

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const options = checked(body, raw.value);
  if (!options.ok) return options.error;
  const { caller, services, trace } = call;
  if (caller.key.mode === "test") return { slug: "sandbox_only", detail: "Lists need a live key." };
  const { tenant_id: tenantId, id: keyId } = caller.key;
  const parentId = call.param("id");
  const parent = isUuid(parentId) ? await readJob(services.database, tenantId, parentId) : null;
  if (parent === null) return { slug: "not_found" };
  if (parent.state !== "completed" && parent.state !== "cancelled") {
    return { slug: "wrong_state", detail: `The job is ${parent.state}.`, extra: { state: parent.state } };
  }
  const { which, items, name, tags, lane } = options.value;
  const rows = await createRun(services.database, {
    id: call.id,
    parentId: parent.id,
    tenantId,
    keyId,
    roleIsRisky: caller.roleIsRisky,
    name: name ?? null,
    tags: tags ?? null,
    lane: lane === undefined ? null : LANES.indexOf(lane) + 1,
    rows: { which, items },
    traceId: trace.traceId,
  });
  if (rows === 0) return { slug: "empty_list", detail: "The job has no such rows." };
  await services.env.ingestQueue.send({ kind: "ingest", tenant: tenantId, job: call.id });
  const self = `/v1/jobs/${call.id}`;
  const links = { self, results: `${self}/results`, events: `${self}/events` };
  const created = { id: call.id, parent_id: parent.id, state: "queued", rows, links };
  return Response.json(created, { status: 202, headers: { location: self } });
}
