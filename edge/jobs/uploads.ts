import { err, ok, type Result } from "../../shared/result.ts";
import {
  createUploadRow,
  dropUpload,
  expiredUploads,
  markReady,
  notePart,
  readUpload,
  type StoredUpload,
} from "../data/uploads.ts";
import type { Env } from "../env.ts";
import { RESUMABLE_PART_BYTES, SWEEP_MAX, UPLOAD_TTL_S } from "../limits.ts";
import type { Services } from "../services.ts";
import type { Upload } from "./upload.ts";

/** Object that holds an upload. The tenant is part of the name, so that no id leads to another's list. */
export const uploadKey = (tenantId: string, id: string): string => `uploads/${tenantId}/${id}`;

type Named = { readonly tenantId: string; readonly id: string; readonly name: string };

/** Keeps a list that came in one piece, until a job is made of it or its time is over. */
export function keepUpload(
  services: Services,
  { tenantId, id, name }: Named,
  upload: Upload,
  rowsGuess: number,
): Promise<StoredUpload> {
  return createUploadRow(services.database, {
    id,
    tenantId,
    name,
    object_key: uploadKey(tenantId, id),
    bytes: upload.bytes,
    part_bytes: null,
    multipart: null,
    rows_guess: rowsGuess,
    ttlS: UPLOAD_TTL_S,
  });
}

/** Opens an upload of `bytes` that comes in parts, each of `part_bytes` but the last. */
export async function openUpload(
  services: Services,
  { tenantId, id, name }: Named,
  bytes: number,
): Promise<StoredUpload> {
  const key = uploadKey(tenantId, id);
  const { uploadId } = await services.env.files.createMultipartUpload(key);
  return createUploadRow(services.database, {
    id,
    tenantId,
    name,
    object_key: key,
    bytes,
    part_bytes: RESUMABLE_PART_BYTES,
    multipart: uploadId,
    rows_guess: null,
    ttlS: UPLOAD_TTL_S,
  });
}

/** Number of parts of an upload; 0 when it came in one piece. */
export const partCount = ({ bytes, part_bytes: size }: StoredUpload): number =>
  size === null ? 0 : Math.ceil(bytes / size);

/** Bytes that a part must have; null when the upload has no part of that number. */
export function partBytes(upload: StoredUpload, part: number): number | null {
  const { bytes, part_bytes: size } = upload;
  if (size === null || part < 1 || part > partCount(upload)) return null;
  return Math.min(size, bytes - (part - 1) * size);
}

/** Numbers of the parts that have not come. */
export function missingParts(upload: StoredUpload): number[] {
  const numbers = Array.from({ length: partCount(upload) }, (_, index) => index + 1);
  return numbers.filter((number) => upload.parts[number] === undefined);
}

/** Stores a part. One that comes again replaces the one before. False when the upload is no longer open. */
export async function putPart(
  services: Services,
  tenantId: string,
  upload: StoredUpload,
  part: number,
  bytes: ReadableStream | Uint8Array,
): Promise<boolean> {
  const { multipart, object_key: key, id } = upload;
  if (multipart === null) return false;
  const { etag } = await services.env.files.resumeMultipartUpload(key, multipart).uploadPart(part, bytes);
  return notePart(services.database, tenantId, id, part, etag);
}

/**
 * Puts the parts of an upload together; nothing happens to one that is complete already.
 * @returns the upload, or the numbers of the parts that are missing
 */
export async function completeUpload(
  services: Services,
  tenantId: string,
  upload: StoredUpload,
): Promise<Result<StoredUpload, number[]>> {
  const { multipart, object_key: key } = upload;
  if (upload.state !== "open" || multipart === null) return ok(upload);
  const missing = missingParts(upload);
  if (missing.length > 0) return err(missing);
  const parts = Object.entries(upload.parts).map(([number, etag]) => ({ partNumber: Number(number), etag }));
  const { files } = services.env;
  try {
    await files.resumeMultipartUpload(key, multipart).complete(parts.sort((a, b) => a.partNumber - b.partNumber));
  } catch (error) {
    // Completed by an earlier call whose answer was lost.
    if ((await files.head(key))?.size !== upload.bytes) throw error;
  }
  await markReady(services.database, tenantId, upload.id);
  return ok((await readUpload(services.database, tenantId, upload.id)) ?? upload);
}

/** Gives an upload up, with its bytes. False when there is none that no job uses. */
export async function discardUpload(services: Services, tenantId: string, id: string): Promise<boolean> {
  const before = await dropUpload(services.database, tenantId, id);
  if (before === null) return false;
  await removeBytes(services.env, before);
  return true;
}

async function removeBytes(env: Env, { state, object_key: key, multipart }: StoredUpload): Promise<void> {
  if (state !== "open" || multipart === null) return env.files.delete(key);
  // Object storage forgets uploads in parts by itself, so one that it no longer knows is no fault.
  await env.files
    .resumeMultipartUpload(key, multipart)
    .abort()
    .catch(() => undefined);
}

/** Gives up uploads whose time is over. */
export async function expireUploads(services: Services): Promise<void> {
  for (const { id, tenantId } of await expiredUploads(services.database, SWEEP_MAX)) {
    await discardUpload(services, tenantId, id);
  }
}
