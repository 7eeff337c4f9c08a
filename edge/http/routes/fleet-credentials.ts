import { createRoute, z } from "@hono/zod-openapi";
import { JOIN_TTL_S } from "../../../shared/fleet/token.ts";
import { createFleetData } from "../../data/fleet.ts";
import { atHubsOf } from "../../fleet/hubs.ts";
import { newJoinToken } from "../../fleet/tokens.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";
import { auditDeed } from "./fleet-audit.ts";
import { joinTokenSchema } from "./fleet-join-tokens.ts";

/** Id of a probe as it enrolled, without the name of an instance. */
export const probeParam = z.object({ id: z.string().describe("The probe's id, such as probe-1a2b3c4d") });

const PROBE_ID = /^[A-Za-z0-9-]{1,48}$/;

/** The probe that a call is about; null when the path holds no id. */
export const probeOf = (call: KeyedCall): string | null => {
  const id = call.param("id");
  return PROBE_ID.test(id) ? id : null;
};

const revokeContract = createRoute({
  method: "post",
  path: "/v1/admin/probes/{id}/revoke",
  operationId: "revokeProbe",
  tags: ["Fleet"],
  summary: "End a probe's credential for good",
  description: "Needs the scope `platform`. The probe is put out at once, and what it held goes to others.",
  security,
  request: { params: probeParam },
  responses: {
    200: json("Done", z.object({ id: z.string(), expelled: z.int().describe("Connections that were closed") })),
    ...keyedProblems("not_found"),
  },
});

/** `POST /v1/admin/probes/{id}/revoke` */
export const revokeProbeRoute: Endpoint = {
  contract: revokeContract,
  scope: "platform",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = probeOf(call);
    const { database, env } = call.services;
    if (id === null || !(await createFleetData(database).revoke(id))) return { slug: "not_found" };
    await auditDeed(call, "probe.revoke", id);
    return Response.json({ id, expelled: await atHubsOf(env, id, (hub, instance) => hub.expel(instance)) });
  },
};

const rotateContract = createRoute({
  method: "post",
  path: "/v1/admin/probes/{id}/rotate",
  operationId: "rotateProbe",
  tags: ["Fleet"],
  summary: "Offer a probe a new credential",
  description:
    "Needs the scope `platform`. Answers with a one-time token: `mailsonar enroll` on the host replaces the credential, " +
    "then the probe is restarted. Until then the old one works.",
  security,
  request: { params: probeParam },
  responses: { 201: json("The token; it is shown this once", joinTokenSchema), ...keyedProblems("not_found") },
});

/** `POST /v1/admin/probes/{id}/rotate` */
export const rotateProbeRoute: Endpoint = {
  contract: rotateContract,
  scope: "platform",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = probeOf(call);
    if (id === null) return { slug: "not_found" };
    const { token, hash } = await newJoinToken(id);
    const offer = await createFleetData(call.services.database).rotate(id, hash, JOIN_TTL_S);
    if (offer === null) return { slug: "not_found", detail: "There is no such probe, or it was revoked." };
    await auditDeed(call, "probe.rotate", id);
    return Response.json({ id, token, ...offer }, { status: 201 });
  },
};
