import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { createFleetData } from "../../data/fleet.ts";
import { atHubsOf } from "../../fleet/hubs.ts";
import { quarantine, reasonSchema as reason, sourceSchema as source, tellSources } from "../../fleet/quarantine.ts";
import { checked, readJson } from "../body.ts";
import { json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";
import { auditDeed } from "./fleet-audit.ts";
import { probeOf, probeParam } from "./fleet-credentials.ts";

const told = z.object({ id: z.string(), told: z.int().describe("Connections that were told of it") });

const BODY_PROBLEMS = ["malformed_json", "invalid_request", "unsupported_media_type", "not_found"] as const;

/** Reads the body of an order, once the path names a probe. */
async function orderOf<T>(
  call: KeyedCall,
  schema: z.ZodType<T>,
): Promise<{ readonly id: string; readonly order: T } | Problem> {
  const id = probeOf(call);
  if (id === null) return { slug: "not_found" };
  const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const order = checked(schema, raw.value);
  return order.ok ? { id, order: order.value } : order.error;
}

const drainBody = z.object({ reason }).openapi("Drain");

const drainContract = createRoute({
  method: "post",
  path: "/v1/admin/probes/{id}/drain",
  operationId: "drainProbe",
  tags: ["Fleet"],
  summary: "Let a probe finish, hand back the rest and leave",
  description: "Needs the scope `platform`. Its process ends with exit code 0; started again, it comes back.",
  security,
  request: { params: probeParam, body: jsonBody(drainBody) },
  responses: { 202: json("The probe was told", told), ...keyedProblems(...BODY_PROBLEMS) },
});

/** `POST /v1/admin/probes/{id}/drain` */
export const drainProbeRoute: Endpoint = {
  contract: drainContract,
  scope: "platform",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const wish = await orderOf(call, drainBody);
    if ("slug" in wish) return wish;
    const { id, order } = wish;
    const count = await atHubsOf(call.services.env, id, (hub, instance) =>
      hub.drain(instance, order.reason.slice(0, 200)),
    );
    if (count === 0) return { slug: "not_found", detail: "No such probe is connected." };
    await auditDeed(call, "probe.drain", id, order);
    return Response.json({ id, told: count }, { status: 202 });
  },
};

const quarantineBody = z
  .object({ reason, source: source.optional().describe("One source address; the whole probe when absent") })
  .openapi("Quarantine");

const quarantineContract = createRoute({
  method: "post",
  path: "/v1/admin/probes/{id}/quarantine",
  operationId: "quarantineProbe",
  tags: ["Fleet"],
  summary: "Take a probe, or one of its source addresses, out of service",
  description:
    "Needs the scope `platform`. Holds until released. A probe drains and is not let in again; an address is used for " +
    "no new connection.",
  security,
  request: { params: probeParam, body: jsonBody(quarantineBody) },
  responses: { 200: json("In quarantine", told), ...keyedProblems(...BODY_PROBLEMS) },
});

/** `POST /v1/admin/probes/{id}/quarantine` */
export const quarantineProbeRoute: Endpoint = {
  contract: quarantineContract,
  scope: "platform",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const wish = await orderOf(call, quarantineBody);
    if ("slug" in wish) return wish;
    const { id, order } = wish;
    const count = await quarantine(call.services, id, order.source, order.reason);
    if (count === null) return { slug: "not_found" };
    await auditDeed(call, "probe.quarantine", id, order);
    return Response.json({ id, told: count });
  },
};

const releaseBody = z
  .object({ source: source.optional().describe("One source address; the whole probe when absent") })
  .openapi("Release");

const releaseContract = createRoute({
  method: "post",
  path: "/v1/admin/probes/{id}/release",
  operationId: "releaseProbe",
  tags: ["Fleet"],
  summary: "Put a probe, or one of its source addresses, back into service",
  description: "Needs the scope `platform`.",
  security,
  request: { params: probeParam, body: jsonBody(releaseBody) },
  responses: { 200: json("Released", told), ...keyedProblems(...BODY_PROBLEMS) },
});

/** `POST /v1/admin/probes/{id}/release` */
export const releaseProbeRoute: Endpoint = {
  contract: releaseContract,
  scope: "platform",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const wish = await orderOf(call, releaseBody);
    if ("slug" in wish) return wish;
    const { id, order } = wish;
    const released = await createFleetData(call.services.database).release(id, order.source ?? "");
    if (!released) return { slug: "not_found", detail: "It is not in quarantine." };
    await auditDeed(call, "probe.release", id, order);
    const count = order.source === undefined ? 0 : await tellSources(call.services, id);
    return Response.json({ id, told: count });
  },
};
