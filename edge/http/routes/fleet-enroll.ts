import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { createFleetData, type Joined } from "../../data/fleet.ts";
import { joinTokenOf } from "../../fleet/tokens.ts";
import { log } from "../../log.ts";
import { checked, readJson } from "../body.ts";
import { json, jsonBody, problems } from "../contract.ts";
import type { Call, Endpoint } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const body = z
  .object({
    credential_sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits")
      .describe("SHA-256 of the credential `pt_<id>_<secret>` that the probe has made for itself; it never travels"),
  })
  .openapi("Enrolment");

const contract = createRoute({
  method: "post",
  path: "/v1/probes/enroll",
  operationId: "enrollProbe",
  tags: ["Fleet"],
  summary: "Trade a join token for a credential",
  description:
    "For probes: `Authorization: Bearer pj_…`. The token is spent once; the same credential may be brought again.",
  request: { body: jsonBody(body) },
  responses: {
    201: json("The probe is a member of the fleet", z.object({ id: z.string(), region: z.string(), name: z.string() })),
    ...problems("join_refused", "malformed_json", "invalid_request", "unsupported_media_type"),
  },
});

/** `POST /v1/probes/enroll` */
export const enrollProbeRoute: Endpoint = { contract, scope: null, handle };

async function handle(call: Call): Promise<Response | Problem> {
  const offered = await joinTokenOf(call.request);
  if (offered === null) return { slug: "join_refused", detail: "The request carries no well-formed join token." };
  const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const wish = checked(body, raw.value);
  if (!wish.ok) return wish.error;
  const { id, hash } = offered;
  const joined = await createFleetData(call.services.database).join(id, hash, wish.value.credential_sha256);
  log.info({ trace_id: call.trace.traceId, probe: id, outcome: joined.outcome }, "enrolment");
  if (joined.outcome !== "joined") return { slug: "join_refused", detail: REFUSALS[joined.outcome] };
  return Response.json({ id, region: joined.region, name: joined.name }, { status: 201 });
}

const REFUSALS: Readonly<Record<Exclude<Joined["outcome"], "joined">, string>> = {
  unknown: "The join token is not known.",
  expired: "The join token has expired: ask an operator for another one.",
  used: "The join token was used already: ask an operator for another one.",
};
