import { type RouteConfig, z } from "@hono/zod-openapi";
import { PROBLEMS, type ProblemSlug } from "./problems.ts";

/** The problem document in the API's description. */
const problemSchema = z
  .object({
    type: z.string().describe("`/problems/<slug>`: a page that explains it"),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    trace_id: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().describe("JSON pointer to the field of the body"),
          parameter: z.string().optional().describe("Name of the query parameter"),
          detail: z.string(),
        }),
      )
      .optional(),
  })
  .openapi("Problem");

type Responses = Record<
  string,
  { description: string; content?: Record<string, { schema: z.ZodType; example?: unknown }> }
>;

const KEY_PROBLEMS: readonly ProblemSlug[] = [
  "missing_key",
  "malformed_key",
  "unknown_key",
  "revoked_key",
  "expired_key",
  "account_closed",
  "insufficient_scope",
  "ip_not_allowed",
];

/** The failures of a route that needs a key: those of the key, and the ones named. */
export const keyedProblems = (...slugs: readonly ProblemSlug[]): Responses => problems(...KEY_PROBLEMS, ...slugs);

/** Responses for problems, one per status, each naming the problems that share it. */
export function problems(...slugs: readonly ProblemSlug[]): Responses {
  const responses: Responses = {};
  for (const slug of [...slugs, "unavailable", "internal"] as const) {
    const [status, title] = PROBLEMS[slug];
    const earlier = responses[status]?.description;
    responses[status] = {
      description: earlier === undefined ? `${title} (\`${slug}\`)` : `${earlier}; ${title} (\`${slug}\`)`,
      content: { "application/problem+json": { schema: problemSchema } },
    };
  }
  return responses;
}

/** A JSON answer of a contract. */
export const json = (description: string, schema: z.ZodType) => ({
  description,
  content: { "application/json": { schema } },
});

/** A JSON body of a contract. */
export const jsonBody = (schema: z.ZodType) => ({
  required: true,
  content: { "application/json": { schema } },
});

/** Every route with a key names this scheme. */
export const security = [{ ApiKey: [] }];

export const idParam = z.object({ id: z.uuid().describe("Id as it was answered on creation") });

/** Query of a list: how many, and where the page before ended. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional().describe("`next_cursor` of the page before"),
});

/** A page of a list. */
export const pageOf = (item: z.ZodType) => z.object({ data: z.array(item), next_cursor: z.string().nullable() });

const idempotencyHeaders = z.object({
  "idempotency-key": z
    .string()
    .max(255)
    .optional()
    .describe("Sent again with the same key within a day, the call does nothing and gives the same answer"),
});

/** A contract whose route takes an Idempotency-Key: the header, what a repetition says, and what may be wrong with it. */
export function withIdempotencyKey(contract: RouteConfig): RouteConfig {
  const faults = problems("invalid_idempotency_key", "idempotency_in_progress", "idempotency_mismatch");
  const responses = { ...contract.responses };
  for (const [status, fault] of Object.entries(faults)) {
    const known = responses[status];
    const both = known !== undefined && "description" in known ? `${known.description}; ` : "";
    responses[status] =
      Number(status) >= 500 && known !== undefined ? known : { ...fault, description: `${both}${fault.description}` };
  }
  return { ...contract, request: { ...contract.request, headers: idempotencyHeaders }, responses };
}
