import { createRoute, z } from "@hono/zod-openapi";
import { breakerSchema, breakersOf } from "../../fleet/describe.ts";
import { viewHubs } from "../../fleet/hubs.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";

const contract = createRoute({
  method: "get",
  path: "/v1/admin/circuit-breakers",
  operationId: "listCircuitBreakers",
  tags: ["Fleet"],
  summary: "Mail operators that probes leave alone for now",
  description: "Needs the scope `platform`. One entry per probe, source address and operator that is not closed.",
  security,
  responses: {
    200: json("The breakers", z.object({ data: z.array(breakerSchema), silent_hubs: z.array(z.string()) })),
    ...keyedProblems(),
  },
});

/** `GET /v1/admin/circuit-breakers` */
export const listBreakersRoute: Endpoint = {
  contract,
  scope: "platform",
  async handle(call: KeyedCall): Promise<Response> {
    const { hubs, silent } = await viewHubs(call.services.env);
    return Response.json({ data: breakersOf(hubs), silent_hubs: silent });
  },
};
