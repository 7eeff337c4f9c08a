import { createRoute, z } from "@hono/zod-openapi";
import { admitProbe } from "../../hub/door.ts";
import { problems } from "../contract.ts";
import type { Endpoint } from "../endpoint.ts";

const contract = createRoute({
  method: "get",
  path: "/v1/probes/connect",
  operationId: "connectProbe",
  tags: ["Service"],
  summary: "The WebSocket by which a probe takes work",
  description: "For probes alone: `Authorization: Bearer pt_…`, region in the query.",
  request: { query: z.object({ region: z.string() }) },
  responses: { 101: { description: "The connection is open" }, ...problems() },
});

/** `GET /v1/probes/connect` */
export const probesConnectRoute: Endpoint = {
  contract,
  scope: null,
  handle: ({ services, request }) => admitProbe(services.env, request),
};
