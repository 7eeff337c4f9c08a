import { createRoute, z } from "@hono/zod-openapi";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { readUpload } from "../../data/uploads.ts";
import { isUuid } from "../../ids.ts";
import { look, presentPreview } from "../../jobs/preview.ts";
import { completeUpload, partBytes, partCount, putPart } from "../../jobs/uploads.ts";
import { announcedBytes, announcesTooMuch, checked, discard, readJson, tooLarge } from "../body.ts";
import { idParam, json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import { LIST_PROBLEMS, listWishes, refusalProblem } from "../lists.ts";
import type { Problem } from "../problems.ts";
import { presentUpload, previewSchema } from "../uploads.ts";

const partSchema = z.object({ part: z.int(), bytes: z.int() }).openapi("UploadPart");

const partContract = createRoute({
  method: "put",
  path: "/v1/uploads/{id}/parts/{part}",
  operationId: "putUploadPart",
  tags: ["Uploads"],
  summary: "Send one part of an upload",
  description:
    "The bytes as they are. Part n begins at byte (n - 1) × `part_bytes`; only the last may be shorter. A part that " +
    "comes again replaces the one before.",
  security,
  request: {
    params: idParam.extend({ part: z.string().regex(/^\d+$/).describe("From 1") }),
    body: { required: true, content: { "application/octet-stream": { schema: z.string() } } },
  },
  responses: {
    200: json("The part is stored", partSchema),
    ...keyedProblems("not_found", "invalid_request", "upload_used", "body_too_large"),
  },
});

/** `PUT /v1/uploads/{id}/parts/{part}` */
export const putPartRoute: Endpoint = {
  contract: partContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const part = /^\d{1,5}$/.test(call.param("part")) ? Number(call.param("part")) : 0;
    const tenantId = call.caller.key.tenant_id;
    const upload = isUuid(id) ? await readUpload(call.services.database, tenantId, id) : null;
    if (upload === null) return { slug: "not_found" };
    const size = partBytes(upload, part);
    if (size === null) return { slug: "not_found", detail: `The upload has parts 1 to ${partCount(upload)}.` };
    if (upload.state !== "open") return { slug: "upload_used", detail: "The upload is complete." };
    const bytes = await bodyOf(call.request, size);
    if (!bytes.ok) return bytes.error;
    const stored = await putPart(call.services, tenantId, upload, part, bytes.value);
    return stored ? Response.json({ part, bytes: size }) : { slug: "upload_used", detail: "The upload is complete." };
  },
};

/** A body of exactly `size` bytes: as a stream when its length is announced, else read. */
async function bodyOf(request: Request, size: number): Promise<Result<ReadableStream | Uint8Array, Problem>> {
  if (announcesTooMuch(request, size)) return err(tooLarge(size));
  // HTTP holds a body to its announced length, and object storage takes a stream only of a known one.
  if (request.body !== null && announcedBytes(request) === size) return ok(request.body);
  const bytes = new Uint8Array(size);
  let filled = 0;
  const reader = request.body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    if (filled + read.value.length > size) {
      await discard(reader);
      return err(tooLarge(size));
    }
    bytes.set(read.value, filled);
    filled += read.value.length;
  }
  if (filled === size) return ok(bytes);
  return err({ slug: "invalid_request", detail: `The part has ${filled} bytes; it must have ${size}.` });
}

const wishesBody = z.object(listWishes).openapi("ListWishes");

const completeContract = createRoute({
  method: "post",
  path: "/v1/uploads/{id}/complete",
  operationId: "completeUpload",
  tags: ["Uploads"],
  summary: "Put the parts together and look at the list",
  description:
    "Can be called again, also of an upload that came in one piece, to look at the list with another column, " +
    "delimiter, encoding, header or sheet. The body may be left out.",
  security,
  request: { params: idParam, body: { required: false, content: { "application/json": { schema: wishesBody } } } },
  responses: {
    200: json("The upload with its preview", previewSchema),
    ...keyedProblems("not_found", "malformed_json", "invalid_request", "upload_incomplete", ...LIST_PROBLEMS),
  },
});

/** Missing parts that a problem names. */
const MISSING_SHOWN = 20;

/** `POST /v1/uploads/{id}/complete` */
export const completeUploadRoute: Endpoint = {
  contract: completeContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const { services } = call;
    const tenantId = call.caller.key.tenant_id;
    const wishes = await wishesOf(call.request);
    if (!wishes.ok) return wishes.error;
    const upload = isUuid(id) ? await readUpload(services.database, tenantId, id) : null;
    if (upload === null) return { slug: "not_found" };
    const completed = await completeUpload(services, tenantId, upload);
    if (!completed.ok) {
      const detail = `${completed.error.length} of ${partCount(upload)} parts are missing.`;
      return { slug: "upload_incomplete", detail, extra: { missing: completed.error.slice(0, MISSING_SHOWN) } };
    }
    const found = await look(services.env.files, upload.object_key, wishes.value);
    if (!found.ok) return refusalProblem(found.error);
    return Response.json({ ...presentUpload(completed.value), ...presentPreview(completed.value, found.value) });
  },
};

async function wishesOf(request: Request): Promise<Result<z.infer<typeof wishesBody>, Problem>> {
  const empty = request.body === null || request.headers.get("content-length") === "0";
  if (empty) return ok({});
  const raw = await readJson(request, JSON_BODY_MAX_BYTES);
  return raw.ok ? checked(wishesBody, raw.value) : raw;
}
