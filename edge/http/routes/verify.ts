import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES, VERIFY_TIMEOUT_DEFAULT_MS, VERIFY_TIMEOUT_MAX_MS } from "../../../shared/limits.ts";
import { ok, type Result } from "../../../shared/result.ts";
import { sandboxVerdict } from "../../../shared/verdict/sandbox.ts";
import { verdictSchema } from "../../../shared/verdict/schema.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import { MODES } from "../../../shared/verdict/vocabulary.ts";
import { placeOf } from "../../verify/places.ts";
import {
  askAround,
  type CheckAnswer,
  type CheckRequest,
  decideByText,
  withoutTranscript,
} from "../../verify/verify.ts";
import { checked, readJson } from "../body.ts";
import { json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const body = z
  .object({
    email: z.string().openapi({ example: "accepted@sandbox.test" }).describe("The address to check, as it was typed"),
    mode: z.enum(MODES).default("full").describe("How far to go: text only, text and DNS, or the mail host"),
    timeout_ms: z
      .int()
      .min(100)
      .max(VERIFY_TIMEOUT_MAX_MS)
      .default(VERIFY_TIMEOUT_DEFAULT_MS)
      .describe("How long to wait for the mail host before the call answers 202"),
    fresh: z.boolean().default(false).describe("Ask again although an answer is cached"),
    transcript: z
      .boolean()
      .default(false)
      .describe(
        "Ask afresh and tell what was said to and by the mail host, addresses redacted, in evidence.transcript",
      ),
  })
  .openapi("VerifyRequest");

/** A verdict with the id under which it can be read again. */
export const verificationSchema = verdictSchema.extend({ id: z.uuid() }).openapi("Verification");

export const pendingSchema = z
  .object({ id: z.uuid(), state: z.literal("pending"), status_url: z.string() })
  .openapi("PendingVerification");

const contract = createRoute({
  method: "post",
  path: "/v1/verify",
  operationId: "verify",
  tags: ["Verification"],
  summary: "Check one address",
  description:
    "Answers at once what the text decides, and asks the mail host otherwise. A test key answers sandbox addresses " +
    "such as `mailbox-not-found@sandbox.test`: any reason, with dashes. Unknown and cached answers are not billed.",
  security,
  request: { body: jsonBody(body) },
  responses: {
    200: json("The verdict", verificationSchema),
    202: json("The mail host has not answered in time; the check goes on", pendingSchema),
    ...keyedProblems("malformed_json", "invalid_request", "sandbox_only", "unsupported_media_type", "body_too_large"),
  },
});

/** `POST /v1/verify` */
export const verifyRoute: Endpoint = { contract, scope: "verify", idempotentMaxBytes: JSON_BODY_MAX_BYTES, handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const given = plain(raw.value);
  const options: Result<z.infer<typeof body>, Problem> = given === null ? checked(body, raw.value) : ok(given);
  if (!options.ok) return options.error;
  const { id } = call;
  if (call.caller.key.mode === "test") return sandbox(id, options.value.email, call.startedMs);

  const { email, mode, timeout_ms: timeoutMs, fresh, transcript } = options.value;
  const { caller, trace, execution } = call;
  const waitUntil = (work: Promise<unknown>): void => execution.waitUntil(work);
  const request: CheckRequest = {
    id,
    email,
    mode,
    timeoutMs,
    fresh,
    transcript,
    caller,
    traceId: trace.traceId,
    place: placeOf(call.request.cf ?? {}),
    waitUntil,
  };
  const { read, answer } = decideByText(request, call.startedMs);
  return respond(call, request, answer ?? (await askAround(call.services, request, read)));
}

/** The common body, an address and nothing else, needs no schema. */
function plain(value: unknown): z.infer<typeof body> | null {
  if (typeof value !== "object" || value === null || !("email" in value)) return null;
  if (typeof value.email !== "string") return null;
  for (const name in value) if (name !== "email") return null;
  return { email: value.email, mode: "full", timeout_ms: VERIFY_TIMEOUT_DEFAULT_MS, fresh: false, transcript: false };
}

function sandbox(id: string, email: string, nowMs: number): Response | Problem {
  const verdict = sandboxVerdict(email, nowMs);
  return verdict === null ? { slug: "sandbox_only" } : answerJson(id, JSON.stringify(verdict));
}

function respond(call: KeyedCall, request: CheckRequest, answer: CheckAnswer): Response {
  if (answer.kind === "late") return pending(request.id);
  const verdictJson = JSON.stringify(answer.verdict);
  const kept = withoutTranscript(answer.verdict);
  call.services.recorder.record(
    {
      id: request.id,
      tenant: request.caller.key.tenant_id,
      key: request.caller.key.id,
      source: answer.source,
      billable: costOf(answer.verdict),
      trace: request.traceId,
      verdictJson: kept === answer.verdict ? verdictJson : JSON.stringify(kept),
    },
    request.waitUntil,
  );
  return answerJson(request.id, verdictJson);
}

/** Nobody pays twice for one answer, nor for none. */
export const costOf = (verdict: Verdict): number => (verdict.cached || verdict.status === "unknown" ? 0 : 1);

const JSON_TYPE = { "content-type": "application/json" };

const answerJson = (id: string, verdictJson: string): Response =>
  new Response(`{"id":"${id}",${verdictJson.slice(1)}`, { headers: JSON_TYPE });

/** The answer while a check is open. */
export function pending(id: string): Response {
  const statusUrl = `/v1/verifications/${id}`;
  return new Response(JSON.stringify({ id, state: "pending", status_url: statusUrl }), {
    status: 202,
    headers: { ...JSON_TYPE, location: statusUrl, "retry-after": "2" },
  });
}
