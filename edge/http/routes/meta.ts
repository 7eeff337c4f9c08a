import { createRoute, z } from "@hono/zod-openapi";
import { LIST_SOURCES } from "../../../shared/lists/lists.ts";
import { SCORE_VERSION } from "../../../shared/verdict/score.ts";
import { REASON_TABLE, REASONS } from "../../../shared/verdict/vocabulary.ts";
import { VERSION } from "../../../shared/version.ts";
import { json } from "../contract.ts";
import type { Endpoint } from "../endpoint.ts";

const metaSchema = z
  .object({
    version: z.string(),
    score_version: z.string(),
    reasons: z
      .array(z.object({ reason: z.string(), status: z.string() }))
      .describe("Every reason of a verdict, in the order in which they decide"),
    lists: z.array(z.object({ name: z.string(), version: z.string(), licence: z.string(), used: z.int() })),
  })
  .openapi("Meta");

const contract = createRoute({
  method: "get",
  path: "/v1/meta",
  operationId: "meta",
  tags: ["Service"],
  summary: "Versions, reasons, and the lists that addresses are looked up in",
  responses: { 200: json("As deployed", metaSchema) },
});

/** `GET /v1/meta` */
export const metaRoute: Endpoint = {
  contract,
  scope: null,
  handle: () =>
    Response.json({
      version: VERSION,
      score_version: SCORE_VERSION,
      reasons: REASONS.map((reason) => ({ reason, status: REASON_TABLE[reason].status })),
      lists: LIST_SOURCES,
    }),
};
