import { createRoute } from "@hono/zod-openapi";
import { findCheck } from "../../data/checks.ts";
import { isUuid } from "../../ids.ts";
import { idParam, json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";
import { pending, pendingSchema, verificationSchema } from "./verify.ts";

const contract = createRoute({
  method: "get",
  path: "/v1/verifications/{id}",
  operationId: "getVerification",
  tags: ["Verification"],
  summary: "Read a check again",
  description: "An answer can be read a few seconds after it was given. Sandbox answers are not stored.",
  security,
  request: { params: idParam },
  responses: {
    200: json("The verdict", verificationSchema),
    202: json("The check goes on", pendingSchema),
    ...keyedProblems("not_found"),
  },
});

/** `GET /v1/verifications/{id}` */
export const verificationRoute: Endpoint = { contract, scope: "verify", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const id = call.param("id").toLowerCase();
  if (!isUuid(id)) return { slug: "not_found" };
  const found = await findCheck(call.services.database, call.caller.key.tenant_id, id);
  if (found === null) return { slug: "not_found", detail: "There is no check with this id, or it is too recent." };
  return found === "open" ? pending(id) : Response.json({ id, ...found.verdict });
}
