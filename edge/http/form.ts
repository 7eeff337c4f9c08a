import { err, ok, type Result } from "../../shared/result.ts";
import { FORM_FIELD_MAX_BYTES, FORM_FIELDS_MAX } from "../limits.ts";
import { announcedBytes, announcesTooMuch, discard, tooLarge } from "./body.ts";
import { boundaryOf, createFormReader, type FormEvent } from "./multipart.ts";
import type { Problem } from "./problems.ts";

/** Where the bytes of the file go. */
type FileSink = { write(bytes: Uint8Array): Promise<void>; readonly bytes: number };

/** Room for the form around the file: boundaries, headers and fields. */
const FORM_OVERHEAD_BYTES = 64_000;

/**
 * Reads an upload form as it comes in: the file goes to `sink` piece by piece, the other fields are collected. The
 * stream is cancelled as soon as the file exceeds `maxBytes`. Fields without a file are a malformed upload.
 */
export async function readForm(
  request: Request,
  sink: FileSink,
  maxBytes: number,
): Promise<Result<ReadonlyMap<string, string>, Problem>> {
  const boundary = boundaryOf(request.headers.get("content-type"));
  if (boundary === null || request.body === null) return malformed("The content type names no boundary.");
  const stream = request.body.getReader();
  const read = announcesTooMuch(request, maxBytes + FORM_OVERHEAD_BYTES)
    ? err(tooLarge(maxBytes))
    : await readParts(stream, boundary, sink, maxBytes);
  if (!read.ok) await discard(stream, announcedBytes(request));
  return read;
}

async function readParts(
  stream: ReadableStreamDefaultReader<Uint8Array>,
  boundary: string,
  sink: FileSink,
  maxBytes: number,
): Promise<Result<ReadonlyMap<string, string>, Problem>> {
  const parts = createFormReader(boundary);
  const form = collector(sink);
  let bytes = 0;
  for (let read = await stream.read(); !read.done; read = await stream.read()) {
    bytes += read.value.byteLength;
    const events = parts.push(read.value);
    if (!events.ok) return malformed(`The form cannot be read: ${events.error}.`);
    for (const event of events.value) {
      const fault = await form.take(event);
      if (fault !== null) return malformed(fault);
    }
    if (sink.bytes > maxBytes || bytes > maxBytes + FORM_OVERHEAD_BYTES) return err(tooLarge(maxBytes));
  }
  if (!parts.done) return malformed("The form ends before its last boundary.");
  return form.hasFile() ? ok(form.fields) : malformed("The form has no field `file`.");
}

const malformed = (detail: string): Result<never, Problem> => err({ slug: "malformed_upload", detail });

function collector(sink: FileSink) {
  const fields = new Map<string, string>();
  const decoder = new TextDecoder();
  let current = "";
  let value = "";
  let bytes = 0;
  let files = 0;
  return {
    fields,
    hasFile: () => files > 0,
    /** Takes one event; what is wrong with it, or null. */
    async take(event: FormEvent): Promise<string | null> {
      if (event.kind === "part") {
        current = event.name;
        value = "";
        bytes = 0;
        if (current === "file") files++;
        if (files > 1) return "The form has more than one field `file`.";
        return fields.size >= FORM_FIELDS_MAX ? "The form has too many fields." : null;
      }
      if (current === "file") {
        if (event.kind === "data") await sink.write(event.bytes);
        return null;
      }
      if (event.kind === "data") {
        bytes += event.bytes.length;
        value += decoder.decode(event.bytes, { stream: true });
        return bytes > FORM_FIELD_MAX_BYTES ? `The field \`${current.slice(0, 40)}\` is too long.` : null;
      }
      fields.set(current, (value + decoder.decode()).trim());
      return null;
    },
  };
}
