import { createRoute, z } from "@hono/zod-openapi";
import { createFleetData } from "../../data/fleet.ts";
import { describeFleet, probeSchema } from "../../fleet/describe.ts";
import { viewHubs } from "../../fleet/hubs.ts";
import { PROBES_LISTED_MAX } from "../../fleet/limits.ts";
import { checkedQuery } from "../body.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const query = z.object({ region: z.string().optional(), state: z.string().optional() });

const contract = createRoute({
  method: "get",
  path: "/v1/admin/probes",
  operationId: "listProbes",
  tags: ["Fleet"],
  summary: "Every probe: where it is, what it does, how it is",
  description: "Needs the scope `platform`.",
  security,
  request: { query },
  responses: {
    200: json(
      "The probes",
      z.object({
        data: z.array(probeSchema),
        silent_hubs: z.array(z.string()).describe("Hubs that did not answer; their probes look offline"),
      }),
    ),
    ...keyedProblems("invalid_request"),
  },
});

/** `GET /v1/admin/probes` */
export const listProbesRoute: Endpoint = { contract, scope: "platform", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const wish = checkedQuery(query, call.request.url);
  if (!wish.ok) return wish.error;
  const { region, state } = wish.value;
  const [enrolled, { hubs, silent }] = await Promise.all([
    createFleetData(call.services.database).list(PROBES_LISTED_MAX),
    viewHubs(call.services.env),
  ]);
  const data = describeFleet(enrolled, hubs).filter(
    (probe) => (region === undefined || probe.region === region) && (state === undefined || probe.state === state),
  );
  return Response.json({ data, silent_hubs: silent });
}
