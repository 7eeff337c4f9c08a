import { createRoute, z } from "@hono/zod-openapi";
import { addressFacts } from "../../../shared/address/facts.ts";
import { domainTrend } from "../../data/history.ts";
import { TREND_DAYS_DEFAULT, TREND_POINTS_MAX } from "../../limits.ts";
import { checkedQuery } from "../body.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const params = z.object({ domain: z.string().describe("In Unicode or as an A-label") });
const query = z.object({ days: z.coerce.number().int().min(1).max(3_660).default(TREND_DAYS_DEFAULT) });

const counts = { total: z.int(), deliverable: z.int(), undeliverable: z.int(), risky: z.int(), unknown: z.int() };

const trendSchema = z
  .object({
    domain: z.string(),
    ...counts,
    points: z.array(
      z.object({ job_id: z.uuid(), job_name: z.string(), tags: z.array(z.string()), at: z.string(), ...counts }),
    ),
  })
  .openapi("DomainTrend");

const contract = createRoute({
  method: "get",
  path: "/v1/domains/{domain}/trend",
  operationId: "getDomainTrend",
  tags: ["History"],
  summary: "What the lists found of a domain, over time",
  description: `One point per job that has ended, oldest first; at most the ${TREND_POINTS_MAX} newest. A job keeps counts of its 10,000 largest domains.`,
  security,
  request: { params, query },
  responses: { 200: json("The points", trendSchema), ...keyedProblems("invalid_request") },
});

/** `GET /v1/domains/{domain}/trend` */
export const domainTrendRoute: Endpoint = { contract, scope: "jobs", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const options = checkedQuery(query, call.request.url);
  if (!options.ok) return options.error;
  const domain = addressFacts(`x@${call.param("domain")}`).address?.domain;
  if (domain === undefined) {
    return { slug: "invalid_request", errors: [{ parameter: "domain", detail: "is no domain name" }] };
  }
  const { database } = call.services;
  const from = new Date(call.startedMs - options.value.days * 86_400_000).toISOString();
  const rows = await domainTrend(database, call.caller.key.tenant_id, domain, from, TREND_POINTS_MAX);
  const sums = { total: 0, deliverable: 0, undeliverable: 0, risky: 0, unknown: 0 };
  const points = rows.reverse().map(({ job_id, name, tags, at, deliverable, undeliverable, risky, unknown }) => {
    const found = { deliverable, undeliverable, risky, unknown };
    const total = deliverable + undeliverable + risky + unknown;
    const point = { total, ...found };
    for (const [status, count] of Object.entries(point)) sums[status as keyof typeof sums] += count;
    return { job_id, job_name: name, tags, at: at.toISOString(), ...point };
  });
  return Response.json({ domain, ...sums, points });
}
