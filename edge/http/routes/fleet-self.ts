import { createRoute, z } from "@hono/zod-openapi";
import { identifyProbe } from "../../hub/door.ts";
import { json, problems } from "../contract.ts";
import type { Call, Endpoint } from "../endpoint.ts";

const contract = createRoute({
  method: "get",
  path: "/v1/probes/self",
  operationId: "probeSelf",
  tags: ["Fleet"],
  summary: "What the edge knows of the probe that asks",
  description: "For probes: `Authorization: Bearer pt_…`. The doctor asks it for the token, the clock and the address.",
  responses: {
    200: json(
      "The probe",
      z.object({
        id: z.string(),
        region: z.string(),
        address: z.string().nullable().describe("The address that the call came from"),
        quarantined: z.boolean(),
        quarantined_sources: z.array(z.string()),
      }),
    ),
    ...problems("join_refused"),
  },
});

/** `GET /v1/probes/self` */
export const probeSelfRoute: Endpoint = { contract, scope: null, handle };

async function handle({ services, request, startedMs }: Call): Promise<Response> {
  const probe = await identifyProbe(services.env, request);
  const date = new Date(startedMs).toUTCString();
  if (probe instanceof Response) {
    const refused = new Response(probe.body, probe);
    refused.headers.set("date", date);
    return refused;
  }
  const { id, region, quarantined, quarantined_sources } = probe;
  const address = request.headers.get("cf-connecting-ip");
  return Response.json(
    { id, region, address, quarantined, quarantined_sources },
    { headers: { "cache-control": "no-store", date } },
  );
}
