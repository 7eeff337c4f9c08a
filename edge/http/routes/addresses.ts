import { createRoute, z } from "@hono/zod-openapi";
import { addressFacts } from "../../../shared/address/facts.ts";
import { verdictSchema } from "../../../shared/verdict/schema.ts";
import { eraseAddress } from "../../data/erasure.ts";
import { verdictsOf } from "../../data/history.ts";
import { blankVerdict } from "../../jobs/states.ts";
import { dropVerdict } from "../../verify/cache.ts";
import { checkedQuery } from "../body.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const email = z.string().min(1).max(2_000).describe("The address, in any case");

const query = z.object({ email, limit: z.coerce.number().int().min(1).max(200).default(50) });

const knownSchema = z
  .object({
    email: z.string(),
    verdicts: z.array(
      verdictSchema.extend({
        id: z.uuid().describe("Job or check"),
        job_name: z.string().nullable().describe("Null for a check"),
        row: z.int(),
        source: z.string(),
      }),
    ),
  })
  .openapi("KnownAddress");

const getContract = createRoute({
  method: "get",
  path: "/v1/addresses",
  operationId: "lookUpAddress",
  tags: ["History"],
  summary: "Everything found of an address, newest first",
  security,
  request: { query },
  responses: { 200: json("The verdicts", knownSchema), ...keyedProblems("invalid_request") },
});

/** `GET /v1/addresses` */
export const lookUpRoute: Endpoint = {
  contract: getContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const options = checkedQuery(query, call.request.url);
    if (!options.ok) return options.error;
    const { input } = addressFacts(options.value.email);
    const found = await verdictsOf(call.services.database, call.caller.key.tenant_id, input, options.value.limit);
    const verdicts = found.map(({ id, job, row, source, verdict }) => ({ id, job_name: job, row, source, ...verdict }));
    return Response.json({ email: input, verdicts });
  },
};

const eraseQuery = z.object({ email });

const erasedSchema = z
  .object({
    erased: z.object({ verdicts: z.int(), rows: z.int(), lists: z.int(), events: z.int() }),
    reading: z.int().describe("Lists still being read: what they bring of the address has to be erased again"),
  })
  .openapi("Erasure");

const eraseContract = createRoute({
  method: "delete",
  path: "/v1/addresses",
  operationId: "eraseAddress",
  tags: ["History"],
  summary: "Erase an address",
  description:
    "Takes it out of every verdict, list, cache and event of the account. Counts and bills of jobs stay; rows of it leave " +
    "their exports, and uploaded lists that held it are deleted, so that exports of those jobs no longer have the list's " +
    "own columns. A row that is open ends as `unknown`, `not_checked`, unbilled. The audit log keeps the address's " +
    "SHA-256 as proof.",
  security,
  request: { query: eraseQuery },
  responses: { 200: json("What was erased", erasedSchema), ...keyedProblems("invalid_request") },
});

/** `DELETE /v1/addresses` */
export const eraseAddressRoute: Endpoint = {
  contract: eraseContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const options = checkedQuery(eraseQuery, call.request.url);
    if (!options.ok) return options.error;
    const { database, env } = call.services;
    const { tenant_id: tenantId, id: keyId } = call.caller.key;
    const { input, address } = addressFacts(options.value.email);
    const actor = { keyId, traceId: call.trace.traceId };
    if (address !== null) await dropVerdict(env.kv, tenantId, address.normalised);
    const done = await eraseAddress(database, tenantId, input, blankVerdict(), actor);
    if (done.objects.length > 0) await env.files.delete(done.objects);
    const { verdicts, rows, lists, events, reading } = done;
    return Response.json({ erased: { verdicts, rows, lists, events }, reading });
  },
};
