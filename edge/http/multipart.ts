import { err, ok, type Result } from "../../shared/result.ts";
import { FORM_HEADER_MAX_BYTES } from "../limits.ts";

/** What a form yields as its bytes come in. `data` belongs to the latest `part`. */
export type FormEvent =
  | { readonly kind: "part"; readonly name: string; readonly filename: string | null }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" };

/** Reads multipart/form-data (RFC 7578) piece by piece; holds back no more than a delimiter or one part's headers. */
export type FormReader = {
  push(chunk: Uint8Array): Result<FormEvent[], string>;
  /** Whether the closing delimiter has been seen. */
  readonly done: boolean;
};

const CRLF = "\r\n";
const utf8 = new TextDecoder();

/** The boundary that a content type names; null when it is no multipart/form-data. */
export function boundaryOf(contentType: string | null): string | null {
  if (contentType === null || !/^multipart\/form-data\s*;/i.test(contentType)) return null;
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return match?.[1] ?? match?.[2] ?? null;
}

/** A reader for one form. */
export function createFormReader(boundary: string): FormReader {
  const delimiter = new TextEncoder().encode(`${CRLF}--${boundary}`);
  // The first delimiter may stand at the very beginning: as if a line had ended before it.
  let held: Uint8Array = new TextEncoder().encode(CRLF);
  let state: "preamble" | "delimiter" | "headers" | "body" | "done" = "preamble";

  const push = (chunk: Uint8Array): Result<FormEvent[], string> => {
    const bytes = held.length === 0 ? chunk : joined(held, chunk);
    const events: FormEvent[] = [];
    let at = 0;
    while (state !== "done") {
      if (state === "preamble" || state === "body") {
        const found = indexOf(bytes, delimiter, at);
        const end = found < 0 ? Math.max(at, bytes.length - delimiter.length + 1) : found;
        if (state === "body" && end > at) events.push({ kind: "data", bytes: bytes.subarray(at, end) });
        at = end;
        if (found < 0) break;
        if (state === "body") events.push({ kind: "end" });
        at += delimiter.length;
        state = "delimiter";
      } else if (state === "delimiter") {
        if (bytes.length - at < 2) break;
        const next = utf8.decode(bytes.subarray(at, at + 2));
        if (next !== CRLF && next !== "--") return err("a boundary is followed by something else than a line's end");
        state = next === "--" ? "done" : "headers";
        // The line's end stays: with it, headers end at an empty line even when there are none.
        at += next === "--" ? 2 : 0;
      } else {
        const end = indexOf(bytes, HEADERS_END, at);
        if (end < 0 && bytes.length - at > FORM_HEADER_MAX_BYTES) return err("the headers of a part are too long");
        if (end < 0) break;
        const part = partOf(utf8.decode(bytes.subarray(at, end)));
        if (part === null) return err("a part has no Content-Disposition with a name");
        events.push(part);
        at = end + HEADERS_END.length;
        state = "body";
      }
    }
    held = state === "done" ? new Uint8Array() : bytes.slice(at);
    return ok(events);
  };

  return {
    push,
    get done() {
      return state === "done";
    },
  };
}

const HEADERS_END = new TextEncoder().encode(CRLF + CRLF);

function partOf(headers: string): FormEvent | null {
  const line = headers.split(CRLF).find((one) => /^content-disposition:/i.test(one));
  const name = line === undefined ? null : attribute(line, "name");
  if (line === undefined || name === null) return null;
  return { kind: "part", name, filename: attribute(line, "filename") };
}

// Browsers escape a quote in a name as %22 (WHATWG), others as \".
function attribute(line: string, name: string): string | null {
  const match =
    new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, "i").exec(line) ??
    new RegExp(`;\\s*${name}=([^\\s;"]+)`, "i").exec(line);
  return match?.[1]?.replaceAll('\\"', '"').replaceAll("%22", '"') ?? null;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Where `needle` begins in `bytes` at or after `from`; -1 when nowhere. Native search for the first byte, then compare. */
function indexOf(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  const first = needle[0] ?? 0;
  const last = bytes.length - needle.length;
  for (let at = bytes.indexOf(first, from); at >= 0 && at <= last; at = bytes.indexOf(first, at + 1)) {
    let same = 1;
    while (same < needle.length && bytes[at + same] === needle[same]) same++;
    if (same === needle.length) return at;
  }
  return -1;
}
