import { createRoute, z } from "@hono/zod-openapi";
import { addressFacts } from "../../../shared/address/facts.ts";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { cacheDays, markCache, setCacheDays } from "../../data/cache.ts";
import { CACHE_DAYS_MAX } from "../../limits.ts";
import { dropVerdict } from "../../verify/cache.ts";
import { checked, checkedQuery, readJson } from "../body.ts";
import { json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const counts = { hits: z.int(), asked: z.int().describe("Addresses whose mail host was asked") };

const cacheSchema = z
  .object({
    days: z.number().describe("Days that answers about a mailbox hold; 0: nothing is answered from the cache"),
    ...counts,
    hit_rate: z.number().nullable().describe("Hits among hits and asked"),
    by_day: z.array(z.object({ day: z.string(), ...counts })),
  })
  .openapi("Cache");

const statsQuery = z.object({
  days: z.coerce.number().int().min(1).max(366).default(30).describe("Days to look back"),
});

const getContract = createRoute({
  method: "get",
  path: "/v1/cache",
  operationId: "getCache",
  tags: ["Cache"],
  summary: "The setting, and how often the cache answered",
  description:
    "Every account has a cache of its own answers, for calls and for lists. An answer about a mailbox holds for a week " +
    "by default, one about a domain that accepts everything, or a full mailbox, for a day; unknown is not kept. A cached " +
    "answer says `cached` and costs nothing. `fresh` passes it by.",
  security,
  request: { query: statsQuery },
  responses: { 200: json("The cache", cacheSchema), ...keyedProblems("invalid_request") },
});

/** `GET /v1/cache` */
export const cacheRoute: Endpoint = {
  contract: getContract,
  scope: "verify",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const query = checkedQuery(statsQuery, call.request.url);
    return query.ok ? present(call, call.caller.cache.days, query.value.days) : query.error;
  },
};

async function present(call: KeyedCall, days: number, back: number): Promise<Response> {
  const byDay = await cacheDays(call.services.database, call.caller.key.tenant_id, back);
  const hits = byDay.reduce((sum, day) => sum + day.hits, 0);
  const asked = byDay.reduce((sum, day) => sum + day.asked, 0);
  const rate = hits + asked === 0 ? null : Math.round((1_000 * hits) / (hits + asked)) / 1_000;
  return Response.json({ days, hits, asked, hit_rate: rate, by_day: byDay });
}

const setting = z
  .object({ days: z.number().min(0).max(CACHE_DAYS_MAX).describe("0 turns the cache off") })
  .openapi("CacheSetting");

const patchContract = createRoute({
  method: "patch",
  path: "/v1/cache",
  operationId: "setCache",
  tags: ["Cache"],
  summary: "Set for how long answers hold",
  description: "For lists at once, for calls within ten seconds.",
  security,
  request: { body: jsonBody(setting) },
  responses: {
    200: json("The cache", cacheSchema),
    ...keyedProblems("malformed_json", "invalid_request", "unsupported_media_type"),
  },
});

/** `PATCH /v1/cache` */
export const setCacheRoute: Endpoint = {
  contract: patchContract,
  scope: "rules",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
    if (!raw.ok) return raw.error;
    const body = checked(setting, raw.value);
    if (!body.ok) return body.error;
    const tenantId = call.caller.key.tenant_id;
    await setCacheDays(call.services.database, tenantId, body.value.days);
    await call.services.meter.change(tenantId);
    return present(call, body.value.days, 30);
  },
};

const dropQuery = z.object({
  email: z.string().max(2_000).optional(),
  domain: z.string().max(255).optional(),
  all: z.literal("true").optional(),
});

const dropContract = createRoute({
  method: "delete",
  path: "/v1/cache",
  operationId: "dropCached",
  tags: ["Cache"],
  summary: "Drop cached answers",
  description:
    "Of one address (`email`), of all addresses of a domain (`domain`), or everything (`all=true`). For lists at once, " +
    "for calls within ten seconds; a single address within a minute.",
  security,
  request: { query: dropQuery },
  responses: { 204: { description: "They no longer count" }, ...keyedProblems("invalid_request") },
});

/** `DELETE /v1/cache` */
export const dropCachedRoute: Endpoint = {
  contract: dropContract,
  scope: "verify",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const query = checkedQuery(dropQuery, call.request.url);
    if (!query.ok) return query.error;
    const { email, domain, all } = query.value;
    if ([email, domain, all].filter((one) => one !== undefined).length !== 1) {
      return { slug: "invalid_request", detail: "Name one of email, domain and all=true." };
    }
    const { database, env, meter } = call.services;
    const tenantId = call.caller.key.tenant_id;
    if (email !== undefined) {
      const { address, input } = addressFacts(email);
      await markCache(database, tenantId, { kind: "email", email: input });
      if (address !== null) await dropVerdict(env.kv, tenantId, address.normalised);
      return new Response(null, { status: 204 });
    }
    const name = domain === undefined ? null : (addressFacts(`x@${domain}`).address?.domain ?? null);
    if (domain !== undefined && name === null) {
      return { slug: "invalid_request", errors: [{ parameter: "domain", detail: "is no domain name" }] };
    }
    await markCache(database, tenantId, name === null ? { kind: "all" } : { kind: "domain", domain: name });
    await meter.change(tenantId);
    return new Response(null, { status: 204 });
  },
};
