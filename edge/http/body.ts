import type { z } from "zod";
import { err, ok, type Result } from "../../shared/result.ts";
import { DISCARD_MAX_BYTES, DISCARD_MAX_MS } from "../limits.ts";
import type { FieldFault, Problem } from "./problems.ts";

/**
 * Reads a JSON body of at most `maxBytes`. A length that is announced is believed only to refuse early: the bytes are
 * counted as they come, and the stream is cancelled as soon as there are too many.
 */
export async function readJson(request: Request, maxBytes: number): Promise<Result<unknown, Problem>> {
  const type = request.headers.get("content-type") ?? "";
  if (request.body === null) return err({ slug: "malformed_json", detail: "The body is empty." });
  if (!/^application\/([a-z0-9.+-]*\+)?json\s*(;|$)/i.test(type)) {
    return err({ slug: "unsupported_media_type", detail: "The call takes application/json." });
  }
  const text = await readText(request, maxBytes);
  if (!text.ok) return text;
  try {
    return ok(JSON.parse(text.value));
  } catch (error) {
    return err({ slug: "malformed_json", detail: jsonFault(error, text.value) });
  }
}

/** Checks a value against the schema of the contract; each fault is named by its JSON pointer. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): Result<T, Problem> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const errors = parsed.error.issues.map(
    (issue): FieldFault => ({ pointer: pointer(issue.path), detail: issue.message }),
  );
  return err({ slug: "invalid_request", errors: errors.slice(0, 20) });
}

/** The same for the query string. */
export function checkedQuery<T>(schema: z.ZodType<T>, url: string): Result<T, Problem> {
  const parsed = schema.safeParse(Object.fromEntries(new URL(url).searchParams));
  if (parsed.success) return ok(parsed.data);
  const errors = parsed.error.issues.map((issue) => ({
    parameter: String(issue.path[0] ?? ""),
    detail: issue.message,
  }));
  return err({ slug: "invalid_request", errors });
}

const pointer = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** The problem of a body beyond its bound. */
export const tooLarge = (maxBytes: number): Problem => ({
  slug: "body_too_large",
  detail: `The body of this call may have ${maxBytes} bytes.`,
  extra: { max_bytes: maxBytes },
});

/** True when the announced length already exceeds the bound. */
export function announcesTooMuch(request: Request, maxBytes: number): boolean {
  return announcedBytes(request) > maxBytes;
}

/** The bytes of a body of at most `maxBytes`, counted as they come. */
export async function readBytes(request: Request, maxBytes: number): Promise<Result<Uint8Array<ArrayBuffer>, Problem>> {
  if (announcesTooMuch(request, maxBytes)) return err(tooLarge(maxBytes));
  const reader = request.body?.getReader();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    bytes += read.value.byteLength;
    if (bytes > maxBytes) {
      await discard(reader);
      return err(tooLarge(maxBytes));
    }
    pieces.push(read.value);
  }
  return ok(concatenated(pieces));
}

/** Pieces of bytes as one. */
export function concatenated(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function readText(request: Request, maxBytes: number): Promise<Result<string, Problem>> {
  if (announcesTooMuch(request, maxBytes)) return err(tooLarge(maxBytes));
  // HTTP holds a body to its announced length, so only one without has to be counted here.
  if (request.headers.has("content-length")) return ok(await request.text());
  const reader = request.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    bytes += read.value.byteLength;
    if (bytes > maxBytes) {
      await discard(reader);
      return err(tooLarge(maxBytes));
    }
    text += decoder.decode(read.value, { stream: true });
  }
  return ok(text + decoder.decode());
}

/** The length that a request announces; 0 when it announces none. */
export const announcedBytes = (request: Request): number => Number(request.headers.get("content-length") ?? "0");

/**
 * Reads a refused body to its end and forgets it, within bounds. A connection closed on unread bytes is reset, and the
 * caller would see that instead of the problem. One that announces more than would be read is answered at once.
 */
export async function discard(
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  announced = 0,
): Promise<void> {
  if (reader === undefined) return;
  let bytes = announced;
  let timer: number | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), DISCARD_MAX_MS);
  });
  try {
    while (bytes <= DISCARD_MAX_BYTES) {
      // A caller that announces bytes and sends none keeps nobody.
      const read = await Promise.race([reader.read(), late]);
      if (read === null || read.done) break;
      if (announced === 0) bytes += read.value.byteLength;
    }
    await reader.cancel();
  } catch {
    // The caller has left: nobody waits for the answer.
  } finally {
    clearTimeout(timer);
  }
}

function jsonFault(error: unknown, text: string): string {
  if (text.trim() === "") return "The body is empty.";
  const message = error instanceof Error ? error.message : "";
  const at = /position (\d+)/.exec(message)?.[1];
  return at === undefined ? "The body is not JSON." : `The body is not JSON: it breaks at character ${at}.`;
}
