import type { Env } from "../env.ts";
import { UPLOAD_PART_BYTES } from "../limits.ts";
import { ROWS_MAX } from "../tables/limits.ts";
import type { Dialect } from "../tables/table.ts";

/** A list on its way into object storage: never more than one part of it is in memory. */
export type Upload = {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
  readonly bytes: number;
  /** How often each byte has come so far. */
  readonly histogram: Uint32Array;
};

/** Streams a list into the object `key`. A small one is stored in one piece, a larger one in parts. */
export function createUpload(files: Env["files"], key: string): Upload {
  let part = new Uint8Array(65_536);
  let filled = 0;
  let bytes = 0;
  let finished = false;
  let multipart: R2MultipartUpload | null = null;
  const histogram = new Uint32Array(256);
  const parts: R2UploadedPart[] = [];

  const grow = (needed: number): void => {
    if (needed <= part.length) return;
    const larger = new Uint8Array(Math.min(UPLOAD_PART_BYTES, Math.max(needed, part.length * 2)));
    larger.set(part.subarray(0, filled));
    part = larger;
  };
  const sendPart = async (): Promise<void> => {
    multipart ??= await files.createMultipartUpload(key);
    parts.push(await multipart.uploadPart(parts.length + 1, part.subarray(0, filled)));
    filled = 0;
  };

  return {
    async write(chunk) {
      bytes += chunk.length;
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at] ?? 0;
        histogram[byte] = (histogram[byte] ?? 0) + 1;
      }
      for (let at = 0; at < chunk.length; ) {
        const take = Math.min(chunk.length - at, UPLOAD_PART_BYTES - filled);
        grow(filled + take);
        part.set(chunk.subarray(at, at + take), filled);
        filled += take;
        at += take;
        if (filled === UPLOAD_PART_BYTES) await sendPart();
      }
    },
    async finish() {
      if (multipart === null) await files.put(key, part.subarray(0, filled));
      else {
        if (filled > 0) await sendPart();
        await multipart.complete(parts);
      }
      finished = true;
    },
    async abort() {
      if (finished) await files.delete(key);
      else if (multipart !== null) await multipart.abort();
    },
    get bytes() {
      return bytes;
    },
    histogram,
  };
}

const [LF, CR, COMMA, LIST, OBJECT] = [10, 13, 44, 91, 123];
/** Bytes that a row takes at least in a packed file; fewer only when the list says the same thing over and over. */
const PACKED_ROW_MIN_BYTES = 4;
/** Bytes of an address in a list of which only the size is known: short ones, so that more rows are expected. */
const ROW_LIKELY_BYTES = 16;

/**
 * About the most rows that a list can have, from its size and how often each byte comes; what is packed can have more.
 * The job's hold is made of it, until the list is read.
 * @param histogram null when the bytes were not seen on their way
 */
export function rowsAtMost(dialect: Dialect, bytes: number, histogram: Uint32Array | null): number {
  const counted = histogram === null ? null : terminators(dialect, histogram);
  const packed = dialect.kind === "xlsx" || dialect.gzip;
  const rows = packed ? bytes / PACKED_ROW_MIN_BYTES : (counted ?? bytes / ROW_LIKELY_BYTES);
  return Math.min(ROWS_MAX, Math.ceil(rows) + 1);
}

function terminators(dialect: Dialect, histogram: Uint32Array): number {
  const count = (byte: number): number => histogram[byte] ?? 0;
  if (dialect.kind === "xlsx") return 0;
  if (dialect.kind === "json") {
    if (dialect.form === "lines") return count(LF);
    return dialect.columns.length > 1 ? Math.max(count(LIST), count(OBJECT)) : count(COMMA);
  }
  // Line ends come as one or two characters; others part addresses behind each other.
  const others = new Set(dialect.ends.filter((end) => !/[\r\n]/.test(end)).map((end) => end.charCodeAt(0)));
  return [...others].reduce((sum, byte) => sum + count(byte), Math.max(count(LF), count(CR)));
}
