import type { Env } from "../env.ts";
import { SNIFF_BYTES, UPLOAD_PART_BYTES } from "../limits.ts";

/** A list on its way into object storage: never more than one part of it is in memory. */
export type Upload = {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
  readonly bytes: number;
  /** Line feeds so far: one less than the most rows that the list can have. */
  readonly lines: number;
  /** The first bytes, to be looked at. */
  head(): Uint8Array;
};

/** Streams a list into the object `key`. A small one is stored in one piece, a larger one in parts. */
export function createUpload(env: Env, key: string): Upload {
  let part = new Uint8Array(SNIFF_BYTES);
  let filled = 0;
  let bytes = 0;
  let lines = 0;
  let head: Uint8Array | null = null;
  let multipart: R2MultipartUpload | null = null;
  const parts: R2UploadedPart[] = [];

  const grow = (needed: number): void => {
    if (needed <= part.length) return;
    const larger = new Uint8Array(Math.min(UPLOAD_PART_BYTES, Math.max(needed, part.length * 2)));
    larger.set(part.subarray(0, filled));
    part = larger;
  };
  const sendPart = async (): Promise<void> => {
    multipart ??= await env.files.createMultipartUpload(key);
    head ??= part.slice(0, SNIFF_BYTES);
    parts.push(await multipart.uploadPart(parts.length + 1, part.subarray(0, filled)));
    filled = 0;
  };

  return {
    async write(chunk) {
      bytes += chunk.length;
      lines += lineFeeds(chunk);
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
      if (multipart === null) {
        await env.files.put(key, part.subarray(0, filled));
        return;
      }
      if (filled > 0) await sendPart();
      await multipart.complete(parts);
    },
    async abort() {
      if (multipart !== null) await multipart.abort();
    },
    get bytes() {
      return bytes;
    },
    get lines() {
      return lines;
    },
    head: () => head ?? part.subarray(0, Math.min(filled, SNIFF_BYTES)),
  };
}

function lineFeeds(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++;
  return count;
}
