import { JSON_DEPTH_MAX, RECORD_MAX_BYTES } from "../limits.ts";
import { type JsonDialect, ListRefused } from "../table.ts";
import type { RecordReader } from "./csv.ts";

/** Called for each value: what it is, the bytes of text up to its end, and the line of its end (from 0). */
type OnValue = (value: unknown, end: number, line: number) => void;

const [TAB, LF, CR, SPACE, QUOTE, COMMA, BACKSLASH] = [9, 10, 13, 32, 34, 44, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/**
 * Values of a JSON array or of JSON texts one after the other (RFC 8259, NDJSON), from UTF-8 text in pieces. It may
 * begin in the middle of the array, after a value.
 * @param begun whether the array's opening bracket lies before the text
 * @throws ListRefused from `push` and `finish`, naming the line
 */
export function createJsonReader(
  form: JsonDialect["form"],
  begun: boolean,
  firstLine: number,
  onValue: OnValue,
): RecordReader {
  const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  let place: "before" | "between" | "inside" | "after" = form === "lines" || begun ? "between" : "before";
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let depth = 0;
  let inString = false;
  let escaped = false;
  let line = 0;
  let read = 0;

  const bad = (what: string): ListRefused => new ListRefused("unreadable", `Line ${firstLine + line} ${what}.`);

  const emit = (part: Uint8Array, end: number): void => {
    const text = held.length === 0 ? decoder.decode(part) : decoder.decode(joined([...held, part]));
    held = [];
    heldBytes = 0;
    place = "between";
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw bad("is not valid JSON");
    }
    onValue(value, end, line);
  };

  /** Where a value that goes on at `from` ends in this piece, or -1. Strings, brackets and bare words end differently. */
  const endOfValue = (piece: Uint8Array, from: number): number => {
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) return at + 1;
        }
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        depth++;
        if (depth > JSON_DEPTH_MAX) throw bad("is nested too deeply");
      } else if ((byte === CLOSE_OBJECT || byte === CLOSE_LIST) && depth > 0) {
        depth--;
        if (depth === 0) return at + 1;
      } else if (depth === 0 && (byte === COMMA || byte === CLOSE_LIST || isSpace(byte))) return at;
      if (byte === LF) line++;
    }
    return -1;
  };

  const push = (piece: Uint8Array): void => {
    let at = 0;
    while (at < piece.length) {
      const byte = piece[at];
      if (place === "inside") {
        const end = endOfValue(piece, at);
        if (end >= 0) {
          emit(piece.subarray(at, end), read + end);
          at = end;
          continue;
        }
        held.push(piece.slice(at));
        heldBytes += piece.length - at;
        if (heldBytes > RECORD_MAX_BYTES) throw bad(`belongs to a value of more than ${RECORD_MAX_BYTES} bytes`);
        break;
      }
      if (byte === LF) line++;
      if (isSpace(byte)) at++;
      else if (place === "after") throw bad("has something after the end of the array");
      else if (place === "before") {
        place = "between";
        at++;
      } else if (form === "array" && byte === COMMA) at++;
      else if (form === "array" && byte === CLOSE_LIST) {
        place = "after";
        at++;
      } else place = "inside";
    }
    read += piece.length;
  };

  const finish = (): void => {
    if (form === "array" && place !== "after") throw bad("is where the array is cut off");
    // A number or a word may end with the text; anything else was cut.
    if (place === "inside") emit(new Uint8Array(0), read);
  };

  return { push: async (piece) => push(piece), finish: async () => finish() };
}

const isSpace = (byte: number | undefined): boolean => byte === SPACE || byte === LF || byte === CR || byte === TAB;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A value of a list as cells: an object by its keys, an array by its places, anything else as the address alone. */
export function cellsOf(value: unknown, columns: readonly string[], column: number): string[] {
  if (Array.isArray(value)) return value.map(textOf);
  if (typeof value !== "object" || value === null)
    return columns.map((_, index) => (index === column ? textOf(value) : ""));
  const fields = new Map<string, unknown>(Object.entries(value));
  return columns.map((name) => textOf(fields.get(name)));
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
