import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { EVENT_TYPES } from "../../../shared/webhook/event.ts";
import { vetWebhookUrl } from "../../../shared/webhook/url.ts";
import { addEndpoint, listEndpoints, type StoredEndpoint } from "../../data/endpoints.ts";
import { ENDPOINTS_MAX } from "../../limits.ts";
import { newWebhookSecret, sealSecret } from "../../webhooks/seal.ts";
import { checked, checkedQuery, readJson } from "../body.ts";
import { json, jsonBody, keyedProblems, pageOf, pageQuery, security } from "../contract.ts";
import { cursorOf, idIn } from "../cursor.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const newEndpoint = z
  .object({
    url: z.string().max(2_000).openapi({ example: "https://example.com/hooks" }).describe("Public http or https URL"),
    event_types: z
      .array(z.enum(EVENT_TYPES))
      .min(1)
      .default([...EVENT_TYPES]),
    description: z.string().max(500).default(""),
  })
  .openapi("NewWebhook");

const endpointSchema = z
  .object({
    id: z.uuid(),
    url: z.string(),
    event_types: z.array(z.string()),
    state: z.enum(["active", "disabled"]),
    description: z.string(),
    created_at: z.string(),
  })
  .openapi("Webhook");

const createdSchema = endpointSchema
  .extend({ secret: z.string().describe("Signs each delivery (Standard Webhooks). Shown this once.") })
  .openapi("WebhookCreated");

const present = (endpoint: StoredEndpoint) => ({ ...endpoint, created_at: endpoint.created_at.toISOString() });

const createContract = createRoute({
  method: "post",
  path: "/v1/webhooks",
  operationId: "createWebhook",
  tags: ["Webhooks"],
  summary: "Add an endpoint",
  description: "Deliveries are signed per Standard Webhooks and repeated until the endpoint answers 2xx.",
  security,
  request: { body: jsonBody(newEndpoint) },
  responses: {
    201: json("The endpoint and its secret", createdSchema),
    ...keyedProblems("malformed_json", "invalid_request", "invalid_webhook_url", "unsupported_media_type"),
  },
});

/** `POST /v1/webhooks` */
export const createWebhookRoute: Endpoint = {
  contract: createContract,
  scope: "webhooks",
  idempotentMaxBytes: JSON_BODY_MAX_BYTES,
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
    if (!raw.ok) return raw.error;
    const body = checked(newEndpoint, raw.value);
    if (!body.ok) return body.error;
    const { env, database } = call.services;
    const { url: text, event_types: eventTypes, description } = body.value;
    const url = URL.parse(text);
    if (url === null) return badUrl("The URL cannot be read.");
    const vetted = vetWebhookUrl(url, env.privateWebhooks);
    if (!vetted.ok) return badUrl(vetted.error.detail);
    const secret = newWebhookSecret();
    const sealed = await sealSecret(secret, env.sealingKey);
    const endpoint = { id: call.id, url: url.href, eventTypes, description, secret: sealed };
    const stored = await addEndpoint(database, call.caller.key.tenant_id, endpoint, ENDPOINTS_MAX);
    if (stored === null)
      return { slug: "invalid_request", detail: `An account has at most ${ENDPOINTS_MAX} webhooks.` };
    return Response.json({ ...present(stored), secret }, { status: 201 });
  },
};

const badUrl = (detail: string): Problem => ({
  slug: "invalid_webhook_url",
  detail,
  errors: [{ pointer: "/url", detail }],
});

const listContract = createRoute({
  method: "get",
  path: "/v1/webhooks",
  operationId: "listWebhooks",
  tags: ["Webhooks"],
  summary: "Endpoints, newest first",
  security,
  request: { query: pageQuery },
  responses: { 200: json("A page of endpoints", pageOf(endpointSchema)), ...keyedProblems("invalid_request") },
});

/** `GET /v1/webhooks` */
export const listWebhooksRoute: Endpoint = {
  contract: listContract,
  scope: "webhooks",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const query = checkedQuery(pageQuery, call.request.url);
    if (!query.ok) return query.error;
    const { limit, cursor } = query.value;
    const before = cursor === undefined ? null : idIn(cursor);
    if (cursor !== undefined && before === null) {
      return { slug: "invalid_request", errors: [{ parameter: "cursor", detail: "is not one of ours" }] };
    }
    const endpoints = await listEndpoints(call.services.database, call.caller.key.tenant_id, limit + 1, before);
    const page = endpoints.slice(0, limit);
    const last = page.at(-1);
    const more = endpoints.length > limit && last !== undefined;
    return Response.json({ data: page.map(present), next_cursor: more ? cursorOf(last.id) : null });
  },
};
