import { createRoute, z } from "@hono/zod-openapi";
import { JOIN_TTL_MAX_S, JOIN_TTL_S, REGION } from "../../../shared/fleet/token.ts";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { createFleetData } from "../../data/fleet.ts";
import { newJoinToken, newProbeId } from "../../fleet/tokens.ts";
import { checked, readJson } from "../body.ts";
import { json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";
import { auditDeed } from "./fleet-audit.ts";

const body = z
  .object({
    region: z.string().regex(REGION, "lower-case letters, digits and hyphens"),
    name: z.string().max(100).default(""),
    expires_in_s: z.int().min(60).max(JOIN_TTL_MAX_S).default(JOIN_TTL_S),
  })
  .openapi("NewJoinToken");

/** A join token, shown once. `id` is the probe's that joins with it. */
export const joinTokenSchema = z
  .object({ id: z.string(), token: z.string(), region: z.string(), name: z.string(), expires_at: z.string() })
  .openapi("JoinToken");

const contract = createRoute({
  method: "post",
  path: "/v1/admin/probe-tokens",
  operationId: "createJoinToken",
  tags: ["Fleet"],
  summary: "Make a one-time token that lets one host join the fleet",
  description: "Needs the scope `platform`. On the host: `mailsonar enroll --edge URL --token pj_…`.",
  security,
  request: { body: jsonBody(body) },
  responses: {
    201: json("The token; it is shown this once", joinTokenSchema),
    ...keyedProblems("malformed_json", "invalid_request", "unsupported_media_type"),
  },
});

/** `POST /v1/admin/probe-tokens` */
export const createJoinTokenRoute: Endpoint = { contract, scope: "platform", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const wish = checked(body, raw.value);
  if (!wish.ok) return wish.error;
  const { region, name, expires_in_s: ttlS } = wish.value;
  const { regions } = call.services.env;
  if (!regions.includes(region)) {
    const detail = `There is no hub for this region; there are ${regions.join(", ")}.`;
    return { slug: "invalid_request", errors: [{ pointer: "/region", detail }] };
  }
  const id = newProbeId();
  const { token, hash } = await newJoinToken(id);
  const expiresAt = await createFleetData(call.services.database).offer({ id, region, name }, hash, ttlS);
  await auditDeed(call, "probe.offer", id, { region });
  return Response.json({ id, token, region, name, expires_at: expiresAt }, { status: 201 });
}
