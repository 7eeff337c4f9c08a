import { createRoute, z } from "@hono/zod-openapi";
import { JSON_LIST_MAX_ITEMS, UPLOAD_MAX_BYTES } from "../../../shared/limits.ts";
import { MODES } from "../../../shared/verdict/vocabulary.ts";
import { DEDUPES, readJob } from "../../data/jobs.ts";
import { readUpload, type StoredUpload } from "../../data/uploads.ts";
import { isUuid } from "../../ids.ts";
import { jsonLinesOf, submit } from "../../jobs/create.ts";
import { guessOf, look } from "../../jobs/preview.ts";
import { JSON_LINES, listKey } from "../../jobs/source.ts";
import { createUpload, rowsAtMost, type Upload } from "../../jobs/upload.ts";
import type { Dialect } from "../../tables/table.ts";
import { checked, readJson } from "../body.ts";
import { json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import { readForm } from "../form.ts";
import { LIST_PROBLEMS, listWishes, refusalProblem } from "../lists.ts";
import type { Problem } from "../problems.ts";
import { tagsSchema } from "./jobs.ts";

const LANES = ["high", "normal", "low"] as const;

const settings = z.object({
  name: z.string().max(200).optional().describe("For people; by default the name of the upload"),
  mode: z.enum(MODES).default("full").describe("How far to go: text only, text and DNS, or the mail host"),
  lane: z.enum(LANES).default("normal").describe("Urgency"),
  dedupe: z
    .string()
    .transform((value) => value.replaceAll("-", "_"))
    .pipe(z.enum(DEDUPES))
    .default("case_insensitive")
    .openapi({ type: "string", enum: [...DEDUPES] })
    .describe(
      "Which rows are duplicates: the same text, the same but for case, the same mailbox by its provider's rules, the " +
        "same domain, or none. Duplicates are answered with the first of their kind and billed with it; with " +
        "`one_per_domain` they are not checked.",
    ),
  tags: z
    .preprocess(
      (value) => (typeof value === "string" ? value.split(",").filter((one) => one.trim() !== "") : value),
      tagsSchema,
    )
    .default([])
    .openapi({ type: "array", items: { type: "string" } })
    .describe("For finding it again: a campaign, a customer. In a form: separated by commas"),
  fresh: z
    .union([z.boolean(), z.enum(["true", "false"]).transform((value) => value === "true")])
    .default(false)
    .describe("Ask again although an answer is cached"),
});

const emails = z.array(z.string()).min(1).max(JSON_LIST_MAX_ITEMS);

const listBody = settings
  .extend({
    emails: emails.optional().describe("The addresses"),
    list: emails.optional().describe("The same under another name"),
    upload_id: z.string().max(100).optional().describe("An upload to make the job of, instead of addresses"),
    ...listWishes,
  })
  .openapi("JobRequest");

const formBody = settings
  .extend({
    file: z
      .string()
      .openapi({ type: "string", format: "binary" })
      .describe("The list: CSV, text, JSON, NDJSON or .xlsx, also packed with gzip"),
    ...listWishes,
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
    `Takes a JSON list of at most ${JSON_LIST_MAX_ITEMS} addresses, a file of at most ${UPLOAD_MAX_BYTES} bytes as ` +
    "multipart/form-data, or the id of an upload (`POST /v1/uploads`), which may be larger. What the file is, its " +
    "encoding, delimiter, header and e-mail column are found out unless they are named. Needs a live key.",
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
      ...LIST_PROBLEMS,
      "not_found",
      "upload_incomplete",
      "upload_used",
      "body_too_large",
      "unsupported_media_type",
    ),
  },
});

/** `POST /v1/jobs` */
export const createJobRoute: Endpoint = { contract, scope: "jobs", idempotentMaxBytes: UPLOAD_MAX_BYTES, handle };

async function handle(call: KeyedCall): Promise<Response | Problem> {
  if (call.caller.key.mode === "test") return { slug: "sandbox_only", detail: "Lists need a live key." };
  if (call.again && (await readJob(call.services.database, call.caller.key.tenant_id, call.id)) !== null) {
    return accepted(call.id);
  }
  const type = call.request.headers.get("content-type") ?? "";
  if (/^multipart\/form-data/i.test(type)) return fromForm(call);
  if (/json/i.test(type)) return fromJson(call);
  return { slug: "unsupported_media_type", detail: "The call takes multipart/form-data or application/json." };
}

type ListBody = z.infer<typeof listBody>;

async function fromJson(call: KeyedCall): Promise<Response | Problem> {
  const raw = await readJson(call.request, UPLOAD_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const body = checked(listBody, raw.value);
  if (!body.ok) return body.error;
  const list = body.value.emails ?? body.value.list;
  const { upload_id: uploadId } = body.value;
  if (uploadId !== undefined) return fromUpload(call, uploadId, body.value);
  if (list === undefined) {
    return { slug: "invalid_request", errors: [{ pointer: "/emails", detail: "a list of addresses is required" }] };
  }
  const { id, key, upload } = begin(call);
  for (const lines of jsonLinesOf(list)) await upload.write(lines);
  await upload.finish();
  return created(call, body.value, { id, key, dialect: JSON_LINES, rows: list.length, upload: null });
}

async function fromUpload(call: KeyedCall, uploadId: string, body: ListBody): Promise<Response | Problem> {
  const { services, caller } = call;
  const upload = isUuid(uploadId) ? await readUpload(services.database, caller.key.tenant_id, uploadId) : null;
  if (upload === null) return { slug: "not_found", detail: "There is no such upload, or its time is over." };
  if (upload.state === "open") return { slug: "upload_incomplete", detail: "Complete the upload first." };
  if (upload.state === "used") return usedProblem(upload);
  const key = upload.object_key;
  const found = await look(services.env.files, key, body);
  if (!found.ok) return refusalProblem(found.error);
  const { dialect } = found.value;
  return created(call, body, { id: call.id, key, dialect, rows: guessOf(upload, dialect), upload });
}

const usedProblem = ({ job_id: job }: StoredUpload): Problem => ({ slug: "upload_used", extra: { job_id: job } });

async function fromForm(call: KeyedCall): Promise<Response | Problem> {
  const { id, key, upload } = begin(call);
  const form = await readForm(call.request, upload, UPLOAD_MAX_BYTES);
  if (!form.ok) {
    await upload.abort();
    return form.error;
  }
  const given = Object.fromEntries([...form.value].filter(([, value]) => value !== ""));
  const options = checked(formBody.omit({ file: true }), given);
  if (!options.ok) {
    await upload.abort();
    return options.error;
  }
  await upload.finish();
  const found = await look(call.services.env.files, key, options.value);
  if (!found.ok) {
    await upload.abort();
    return refusalProblem(found.error);
  }
  const { dialect } = found.value;
  const rows = rowsAtMost(dialect, upload.bytes, upload.histogram);
  return created(call, options.value, { id, key, dialect, rows, upload: null });
}

/** A new job's id, and the way of its list into object storage. */
function begin(call: KeyedCall): { readonly id: string; readonly key: string; readonly upload: Upload } {
  const { id } = call;
  const key = listKey(call.caller.key.tenant_id, id);
  return { id, key, upload: createUpload(call.services.env.files, key) };
}

type Stored = {
  readonly id: string;
  readonly key: string;
  readonly dialect: Dialect;
  readonly rows: number;
  readonly upload: StoredUpload | null;
};

async function created(
  call: KeyedCall,
  given: z.infer<typeof settings>,
  { id, key, dialect, rows: rowsAtMost, upload }: Stored,
): Promise<Response | Problem> {
  const { caller, trace } = call;
  const { mode, dedupe, tags, fresh } = given;
  const name = given.name ?? upload?.name ?? "";
  const lane = LANES.indexOf(given.lane) + 1;
  const list = { id, key, dialect, rowsAtMost, uploadId: upload?.id ?? null };
  const made = await submit(call.services, {
    ...list,
    caller,
    name,
    mode,
    lane,
    dedupe,
    tags,
    fresh,
    traceId: trace.traceId,
  });
  return made ? accepted(id) : { slug: "upload_used" };
}

function accepted(id: string): Response {
  const self = `/v1/jobs/${id}`;
  const links = { self, results: `${self}/results`, events: `${self}/events` };
  return Response.json({ id, state: "queued", links }, { status: 202, headers: { location: self } });
}
