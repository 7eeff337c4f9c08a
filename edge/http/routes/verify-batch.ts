import { createRoute, z } from "@hono/zod-openapi";
import {
  JSON_BODY_MAX_BYTES,
  VERIFY_BATCH_MAX_ITEMS,
  VERIFY_TIMEOUT_DEFAULT_MS,
  VERIFY_TIMEOUT_MAX_MS,
} from "../../../shared/limits.ts";
import { sandboxVerdict } from "../../../shared/verdict/sandbox.ts";
import { MODES, STATUSES } from "../../../shared/verdict/vocabulary.ts";
import { limitsOf } from "../../meter/plans.ts";
import { type BatchItem, checkBatch } from "../../verify/batch.ts";
import { placeOf } from "../../verify/places.ts";
import { checked, readJson } from "../body.ts";
import { json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import { rateHeaders } from "../middleware/auth.ts";
import type { Problem } from "../problems.ts";
import { costOf, pendingSchema, verificationSchema } from "./verify.ts";

const body = z
  .object({
    emails: z.array(z.string()).min(1).max(VERIFY_BATCH_MAX_ITEMS).describe("The addresses, as they were typed"),
    mode: z.enum(MODES).default("full").describe("How far to go: text only, text and DNS, or the mail host"),
    timeout_ms: z
      .int()
      .min(100)
      .max(VERIFY_TIMEOUT_MAX_MS)
      .default(VERIFY_TIMEOUT_DEFAULT_MS)
      .describe("How long to wait for mail hosts; what is open then is answered as pending"),
    fresh: z.boolean().default(false).describe("Ask again although answers are cached"),
  })
  .openapi("VerifyBatchRequest");

const answerSchema = z
  .object({
    results: z.array(z.union([verificationSchema, pendingSchema.extend({ email: z.string() })])),
    counts: z.object({
      total: z.int(),
      pending: z.int(),
      duplicates: z.int().describe("Addresses that come twice; answered and billed with the first"),
      by_status: z.record(z.enum(STATUSES), z.int()),
    }),
  })
  .openapi("VerificationBatch");

const contract = createRoute({
  method: "post",
  path: "/v1/verify/batch",
  operationId: "verifyBatch",
  tags: ["Verification"],
  summary: `Check up to ${VERIFY_BATCH_MAX_ITEMS} addresses at once`,
  description:
    "Answers in the order given, each address as `POST /v1/verify` would and counted as one call. Those whose mail host " +
    "has not answered in time come as `pending`, to be read again under their `status_url`.",
  security,
  request: { body: jsonBody(body) },
  responses: {
    200: json("A result for each address", answerSchema),
    ...keyedProblems("malformed_json", "invalid_request", "sandbox_only", "unsupported_media_type", "body_too_large"),
  },
});

/** `POST /v1/verify/batch` */
export const verifyBatchRoute: Endpoint = {
  contract,
  scope: "verify",
  idempotentMaxBytes: JSON_BODY_MAX_BYTES,
  handle,
};

async function handle(call: KeyedCall): Promise<Response | Problem> {
  const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const options = checked(body, raw.value);
  if (!options.ok) return options.error;
  const { emails, mode, timeout_ms: timeoutMs, fresh } = options.value;
  const { services, caller, trace, execution } = call;
  const { key } = caller;
  // The call itself is counted already.
  const grant = await services.meter.grant(key.tenant_id, limitsOf(key.plan), call.startedMs, emails.length - 1);
  if (key.mode === "test") return sandbox(call, emails);
  const waitUntil = (work: Promise<unknown>): void => execution.waitUntil(work);
  const place = placeOf(call.request.cf ?? {});
  const common = {
    id: call.id,
    mode,
    timeoutMs,
    fresh,
    transcript: false,
    caller,
    traceId: trace.traceId,
    place,
    waitUntil,
  };
  const items = await checkBatch(services, emails, common);
  for (const item of items) record(call, item, waitUntil);
  const response = Response.json({ results: items.map(present), counts: countsOf(items) });
  if (grant.rate !== null) rateHeaders(response.headers, grant.rate, call.startedMs);
  return response;
}

function record(
  call: KeyedCall,
  { id, answer, repeats }: BatchItem,
  waitUntil: (work: Promise<unknown>) => void,
): void {
  if (answer.kind === "late") return;
  const { key } = call.caller;
  call.services.recorder.record(
    {
      id,
      tenant: key.tenant_id,
      key: key.id,
      source: repeats ? "duplicate" : answer.source,
      billable: repeats ? 0 : costOf(answer.verdict),
      trace: call.trace.traceId,
      verdictJson: JSON.stringify(answer.verdict),
    },
    waitUntil,
  );
}

const present = ({ id, email, answer }: BatchItem) =>
  answer.kind === "late"
    ? { id, email, state: "pending", status_url: `/v1/verifications/${id}` }
    : { id, ...answer.verdict };

function countsOf(items: readonly BatchItem[]) {
  const byStatus: Record<string, number> = {};
  for (const status of STATUSES) byStatus[status] = 0;
  for (const { answer } of items) {
    if (answer.kind === "verdict") byStatus[answer.verdict.status] = (byStatus[answer.verdict.status] ?? 0) + 1;
  }
  return {
    total: items.length,
    pending: items.filter(({ answer }) => answer.kind === "late").length,
    duplicates: items.filter(({ repeats }) => repeats).length,
    by_status: byStatus,
  };
}

function sandbox(call: KeyedCall, emails: readonly string[]): Response | Problem {
  const items: BatchItem[] = [];
  const errors: { pointer: string; detail: string }[] = [];
  for (const [index, email] of emails.entries()) {
    const verdict = sandboxVerdict(email, call.startedMs);
    if (verdict === null) errors.push({ pointer: `/emails/${index}`, detail: "is no sandbox address" });
    else items.push({ id: call.id, email, answer: { kind: "verdict", verdict, source: "edge" }, repeats: false });
  }
  if (errors.length > 0) return { slug: "sandbox_only", errors: errors.slice(0, 20) };
  return Response.json({ results: items.map(present), counts: countsOf(items) });
}
