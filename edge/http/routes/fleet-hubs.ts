import { createRoute, z } from "@hono/zod-openapi";
import { LANES } from "../../../shared/wire/frames.ts";
import { viewHubs } from "../../fleet/hubs.ts";
import type { HubView } from "../../hub/rpc.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";

const lane = z.object({ chunks: z.int(), addresses: z.int(), oldest_ms: z.int() });

const hubSchema = z
  .object({
    hub: z.string(),
    lanes: z.record(z.enum(LANES), lane).describe("What waits, by lane, and how long the oldest has"),
    leases: z.int(),
    leased_addresses: z.int(),
    real_time: z.int().describe("Real-time checks under way"),
    lost: z.int().describe("Chunks to be planned again"),
    ignored_frames: z.int().describe("Frames that were late, repeated or about somebody else's lease"),
    probes: z.object({ online: z.int(), draining: z.int(), away: z.int() }),
  })
  .openapi("Hub");

const contract = createRoute({
  method: "get",
  path: "/v1/admin/hubs",
  operationId: "listHubs",
  tags: ["Fleet"],
  summary: "Every hub: depth per lane, oldest work, leases",
  description: "Needs the scope `platform`.",
  security,
  responses: {
    200: json("The hubs", z.object({ data: z.array(hubSchema), silent_hubs: z.array(z.string()) })),
    ...keyedProblems(),
  },
});

/** `GET /v1/admin/hubs` */
export const listHubsRoute: Endpoint = {
  contract,
  scope: "platform",
  async handle(call: KeyedCall): Promise<Response> {
    const { hubs, silent } = await viewHubs(call.services.env);
    return Response.json({ data: hubs.map(present), silent_hubs: silent });
  },
};

function present({ hub, lanes, leases, leased_addresses, tasks, lost, ignored_frames, probes }: HubView) {
  const count = (state: string): number => probes.filter((probe) => probe.state === state).length;
  return {
    hub,
    lanes,
    leases,
    leased_addresses,
    real_time: tasks,
    lost,
    ignored_frames,
    probes: { online: count("online"), draining: count("draining"), away: count("away") },
  };
}
