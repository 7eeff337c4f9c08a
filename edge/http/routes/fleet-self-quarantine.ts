import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { quarantine, reasonSchema, sourceSchema } from "../../fleet/quarantine.ts";
import { identifyProbe } from "../../hub/door.ts";
import { log } from "../../log.ts";
import { checked, readJson } from "../body.ts";
import { json, jsonBody, problems } from "../contract.ts";
import type { Call, Endpoint } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const body = z
  .object({ reason: reasonSchema, source: sourceSchema.optional().describe("The whole probe when absent") })
  .openapi("SelfQuarantine");

const contract = createRoute({
  method: "post",
  path: "/v1/probes/self/quarantine",
  operationId: "quarantineSelf",
  tags: ["Fleet"],
  summary: "A probe takes itself, or one of its source addresses, out of service",
  description: "For probes: `Authorization: Bearer pt_…`. Only an operator can release it.",
  request: { body: jsonBody(body) },
  responses: {
    200: json("In quarantine", z.object({ id: z.string() })),
    ...problems("join_refused", "malformed_json", "invalid_request", "unsupported_media_type"),
  },
});

/** `POST /v1/probes/self/quarantine` */
export const quarantineSelfRoute: Endpoint = { contract, scope: null, handle };

async function handle({ services, request, trace }: Call): Promise<Response | Problem> {
  const probe = await identifyProbe(services.env, request);
  if (probe instanceof Response) return probe;
  const raw = await readJson(request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const wish = checked(body, raw.value);
  if (!wish.ok) return wish.error;
  const { source, reason } = wish.value;
  log.warn({ trace_id: trace.traceId, probe: probe.id, source, reason }, "a probe put itself into quarantine");
  await quarantine(services, probe.id, source, `by itself: ${reason}`);
  return Response.json({ id: probe.id });
}
