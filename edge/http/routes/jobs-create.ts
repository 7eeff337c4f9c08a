import { createRoute, z } from "@hono/zod-openapi";
import { JSON_LIST_MAX_ITEMS, UPLOAD_MAX_BYTES } from "../../../shared/limits.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { MODES } from "../../../shared/verdict/vocabulary.ts";
import { uuidv7 } from "../../ids.ts";
import { formatOf, jsonLinesOf, listKey, submit } from "../../jobs/create.ts";
import { createUpload } from "../../jobs/upload.ts";
import { checked, readJson } from "../body.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import { readForm } from "../form.ts";
import type { Problem } from "../problems.ts";

const LANES = ["high", "normal", "low"] as const;

const settings = z.object({
  name: z.string().max(200).default("").describe("For people"),
  mode: z.enum(MODES).default("full").describe("How far to go: text only, text and DNS, or the mail host"),
  lane: z.enum(LANES).default("normal").describe("Urgency"),
});

const emails = z.array(z.string()).min(1).max(JSON_LIST_MAX_ITEMS);

const listBody = settings
  .extend({
    emails: emails.optional().describe("The addresses"),
    list: emails.optional().describe("The same under another name"),
  })
  .openapi("JobRequest");

const formBody = settings
  .extend({
    file: z.string().openapi({ type: "string", format: "binary" }).describe("CSV file"),
    column: z.string().max(200).optional().describe("Column of the addresses: its header, or its number from 1"),
  })
  .openapi("JobUpload");

const createdSchema = z
  .object({
    id: z.uuid(),
    state: z.literal("queued"),
    links: z.object({ self: z.string(), results: z.string(), events: z.string() }),
  })
  .openapi("JobCreated");

const contract = createRoute({
  method: "post",
  path: "/v1/jobs",
  operationId: "createJob",
  tags: ["Jobs"],
  summary: "Check a list",
  description:
    `Takes a JSON list of at most ${JSON_LIST_MAX_ITEMS} addresses, or a CSV file of at most ${UPLOAD_MAX_BYTES} bytes ` +
    "as multipart/form-data. Delimiter, encoding, header and e-mail column are found out. Needs a live key.",
  security,
  request: {
    body: {
      required: true,
      content: { "multipart/form-data": { schema: formBody }, "application/json": { schema: listBody } },
    },
  },
  responses: {
    202: json("The job is queued", createdSchema),
    ...keyedProblems(
      "malformed_json",
      "malformed_upload",
      "invalid_request",
      "sandbox_only",
      "list_unreadable",
      "no_address_column",
      "empty_list",
      "body_too_large",
      "unsupported_media_type",
    ),
  },
});

/** `POST /v1/jobs` */
export const createJobRoute: Endpoint = { contract, scope: "jobs", handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  if (call.caller.key.mode === "test") return { slug: "sandbox_only", detail: "Lists need a live key." };
  const type = call.request.headers.get("content-type") ?? "";
  if (/^multipart\/form-data/i.test(type)) return fromForm(call);
  if (/json/i.test(type)) return fromJson(call);
  return { slug: "unsupported_media_type", detail: "The call takes multipart/form-data or application/json." };
}

async function fromJson(call: KeyedCall): Promise<Response | Problem> {
  const raw = await readJson(call.request, UPLOAD_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const body = checked(listBody, raw.value);
  if (!body.ok) return body.error;
  const list = body.value.emails ?? body.value.list;
  if (list === undefined) {
    return { slug: "invalid_request", errors: [{ pointer: "/emails", detail: "a list of addresses is required" }] };
  }
  const id = uuidv7(call.startedMs);
  const key = listKey(call.caller.key.tenant_id, id);
  const upload = createUpload(call.services.env, key);
  for (const lines of jsonLinesOf(list)) await upload.write(lines);
  await upload.finish();
  return created(call, id, key, body.value, { kind: "json" }, list.length);
}

async function fromForm(call: KeyedCall): Promise<Response | Problem> {
  const id = uuidv7(call.startedMs);
  const { env } = call.services;
  const key = listKey(call.caller.key.tenant_id, id);
  const upload = createUpload(env, key);
  const form = await readForm(call.request, upload, UPLOAD_MAX_BYTES);
  if (!form.ok) {
    await upload.abort();
    return form.error;
  }
  const accepted = await acceptForm(form.value, upload);
  if (!accepted.ok) {
    await upload.abort();
    return accepted.error;
  }
  await upload.finish();
  const { format, ...given } = accepted.value;
  return created(call, id, key, given, format, upload.lines + 1);
}

async function acceptForm(fields: ReadonlyMap<string, string>, upload: ReturnType<typeof createUpload>) {
  const given = Object.fromEntries([...fields].filter(([, value]) => value !== ""));
  const options = formFields(given);
  if (!options.ok) return options;
  if (upload.bytes === 0) return err<Problem>({ slug: "empty_list", detail: "The file is empty." });
  const format = await formatOf(upload, options.value.column ?? null);
  if (!format.ok) return err<Problem>({ slug: format.error.kind, detail: format.error.detail });
  return ok({ ...options.value, format: format.value });
}

function formFields(given: Record<string, string>): Result<Omit<z.infer<typeof formBody>, "file">, Problem> {
  return checked(formBody.omit({ file: true }), given);
}

async function created(
  call: KeyedCall,
  id: string,
  key: string,
  given: z.infer<typeof settings>,
  format: Parameters<typeof submit>[1]["format"],
  rowsAtMost: number,
): Promise<Response> {
  const { caller, trace } = call;
  const { name, mode } = given;
  const lane = LANES.indexOf(given.lane) + 1;
  await submit(call.services, { id, caller, name, mode, lane, key, format, rowsAtMost, traceId: trace.traceId });
  const self = `/v1/jobs/${id}`;
  const links = { self, results: `${self}/results`, events: `${self}/events` };
  return Response.json({ id, state: "queued", links }, { status: 202, headers: { location: self } });
}
