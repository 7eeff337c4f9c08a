import { createRoute, z } from "@hono/zod-openapi";
import { readJob } from "../../data/jobs.ts";
import { isUuid } from "../../ids.ts";
import { jobEvents } from "../../jobs/events.ts";
import { idParam, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import { stillAdmitted } from "../middleware/auth.ts";
import type { Problem } from "../problems.ts";

const contract = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/events",
  operationId: "watchJob",
  tags: ["Jobs"],
  summary: "Progress as server-sent events",
  description:
    "`progress` events with the job as `GET /v1/jobs/{id}` shows it, every two seconds, and `done` at the end. " +
    "The stream ends when the key is revoked.",
  security,
  request: { params: idParam },
  responses: {
    200: { description: "The stream", content: { "text/event-stream": { schema: z.string() } } },
    ...keyedProblems("not_found"),
  },
});

/** `GET /v1/jobs/{id}/events` */
export const jobEventsRoute: Endpoint = { contract, scope: "jobs", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const { services, request } = call;
  const id = call.param("id");
  const tenantId = call.caller.key.tenant_id;
  const job = isUuid(id) ? await readJob(services.database, tenantId, id) : null;
  if (job === null) return { slug: "not_found" };
  const admitted = (): Promise<boolean> => stillAdmitted(request, services, "jobs", Date.now());
  return new Response(jobEvents(services.database, tenantId, id, admitted), {
    // Without an encoding of its own, a proxy would hold events back to compress them.
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", "content-encoding": "identity" },
  });
}
