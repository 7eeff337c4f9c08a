import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES, LARGE_UPLOAD_MAX_BYTES, UPLOAD_MAX_BYTES } from "../../../shared/limits.ts";
import { readUpload } from "../../data/uploads.ts";
import { isUuid, uuidv7 } from "../../ids.ts";
import { look, presentPreview } from "../../jobs/preview.ts";
import { createUpload, rowsAtMost } from "../../jobs/upload.ts";
import { discardUpload, keepUpload, openUpload, uploadKey } from "../../jobs/uploads.ts";
import { checked, readJson } from "../body.ts";
import { idParam, json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import { readForm } from "../form.ts";
import { LIST_PROBLEMS, listWishes, refusalProblem } from "../lists.ts";
import type { Problem } from "../problems.ts";
import { presentUpload, previewSchema, uploadSchema } from "../uploads.ts";

const name = z.string().max(200).default("").describe("For people; a job made of the upload takes it over");

const openBody = z
  .object({
    bytes: z.int().min(1).max(LARGE_UPLOAD_MAX_BYTES).describe("Size of the file"),
    name,
  })
  .openapi("UploadRequest");

const formBody = z
  .object({
    file: z.string().openapi({ type: "string", format: "binary" }).describe("The list"),
    name,
    ...listWishes,
  })
  .openapi("UploadForm");

const createContract = createRoute({
  method: "post",
  path: "/v1/uploads",
  operationId: "createUpload",
  tags: ["Uploads"],
  summary: "Upload a list without starting a job",
  description:
    `A file of at most ${UPLOAD_MAX_BYTES} bytes comes as multipart/form-data and is answered with its preview. A ` +
    `larger one, up to ${LARGE_UPLOAD_MAX_BYTES} bytes, is announced as JSON, sent in parts of \`part_bytes\` ` +
    "(`PUT /v1/uploads/{id}/parts/{part}`, in any order, again after a failure) and completed. `POST /v1/jobs` with " +
    "`upload_id` makes the job. An upload that no job was made of is forgotten after a day.",
  security,
  request: {
    body: {
      required: true,
      content: { "multipart/form-data": { schema: formBody }, "application/json": { schema: openBody } },
    },
  },
  responses: {
    201: json("The upload, with its preview when it is complete", z.union([previewSchema, uploadSchema])),
    ...keyedProblems(
      "malformed_json",
      "malformed_upload",
      "invalid_request",
      "sandbox_only",
      ...LIST_PROBLEMS,
      "body_too_large",
      "unsupported_media_type",
    ),
  },
});

/** `POST /v1/uploads` */
export const createUploadRoute: Endpoint = {
  contract: createContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    if (call.caller.key.mode === "test") return { slug: "sandbox_only", detail: "Lists need a live key." };
    const type = call.request.headers.get("content-type") ?? "";
    if (/^multipart\/form-data/i.test(type)) return whole(call);
    if (/json/i.test(type)) return inParts(call);
    return { slug: "unsupported_media_type", detail: "The call takes multipart/form-data or application/json." };
  },
};

async function whole(call: KeyedCall): Promise<Response | Problem> {
  const { services } = call;
  const id = uuidv7(call.startedMs);
  const tenantId = call.caller.key.tenant_id;
  const key = uploadKey(tenantId, id);
  const upload = createUpload(services.env.files, key);
  const refused = async (problem: Problem): Promise<Problem> => {
    await upload.abort();
    return problem;
  };
  const form = await readForm(call.request, upload, UPLOAD_MAX_BYTES);
  if (!form.ok) return refused(form.error);
  const given = Object.fromEntries([...form.value].filter(([, value]) => value !== ""));
  const options = checked(formBody.omit({ file: true }), given);
  if (!options.ok) return refused(options.error);
  await upload.finish();
  const found = await look(services.env.files, key, options.value);
  if (!found.ok) return refused(refusalProblem(found.error));
  const guess = rowsAtMost(found.value.dialect, upload.bytes, upload.histogram);
  const stored = await keepUpload(services, { tenantId, id, name: options.value.name }, upload, guess);
  return made({ ...presentUpload(stored), ...presentPreview(stored, found.value) });
}

async function inParts(call: KeyedCall): Promise<Response | Problem> {
  const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
  if (!raw.ok) return raw.error;
  const body = checked(openBody, raw.value);
  if (!body.ok) return body.error;
  const named = { tenantId: call.caller.key.tenant_id, id: uuidv7(call.startedMs), name: body.value.name };
  return made(presentUpload(await openUpload(call.services, named, body.value.bytes)));
}

const made = (upload: { readonly id: string }): Response =>
  Response.json(upload, { status: 201, headers: { location: `/v1/uploads/${upload.id}` } });

const getContract = createRoute({
  method: "get",
  path: "/v1/uploads/{id}",
  operationId: "getUpload",
  tags: ["Uploads"],
  summary: "An upload and the parts that came",
  security,
  request: { params: idParam },
  responses: { 200: json("The upload", uploadSchema), ...keyedProblems("not_found") },
});

/** `GET /v1/uploads/{id}` */
export const uploadRoute: Endpoint = {
  contract: getContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const upload = isUuid(id) ? await readUpload(call.services.database, call.caller.key.tenant_id, id) : null;
    return upload === null ? { slug: "not_found" } : Response.json(presentUpload(upload));
  },
};

const deleteContract = createRoute({
  method: "delete",
  path: "/v1/uploads/{id}",
  operationId: "deleteUpload",
  tags: ["Uploads"],
  summary: "Give an upload up",
  description: "Only while no job was made of it.",
  security,
  request: { params: idParam },
  responses: { 204: { description: "It is gone" }, ...keyedProblems("not_found") },
});

/** `DELETE /v1/uploads/{id}` */
export const deleteUploadRoute: Endpoint = {
  contract: deleteContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const gone = isUuid(id) && (await discardUpload(call.services, call.caller.key.tenant_id, id));
    return gone ? new Response(null, { status: 204 }) : { slug: "not_found" };
  },
};
