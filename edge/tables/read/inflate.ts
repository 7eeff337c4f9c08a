import { Gunzip, Inflate } from "fflate";
import { GUNZIP_MAX_BYTES, INFLATE_PIECE_BYTES } from "../limits.ts";
import { piecesOf } from "../source.ts";
import { ListRefused } from "../table.ts";

/**
 * Unpacks gzip (RFC 1952), several members too. What is unpacked in one step is bounded, which the platform's own
 * DecompressionStream does not promise.
 * @throws ListRefused when the file is cut off, damaged or unpacks to more than GUNZIP_MAX_BYTES
 */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const out: Uint8Array[] = [];
  let total = 0;
  let member = { size: 0, crc: 0 };
  const stream = new Gunzip((part) => {
    out.push(part);
    total += part.length;
    member = { size: member.size + part.length, crc: crc32(part, member.crc) };
  });
  // Called before each member but the first.
  stream.onmember = () => {
    member = { size: 0, crc: 0 };
  };
  let tail = new Uint8Array(0);
  for await (const piece of piecesOf(chunks, INFLATE_PIECE_BYTES)) {
    step(() => stream.push(piece, false), "gzip file");
    tail = lastBytes(tail, piece, 8);
    if (total > GUNZIP_MAX_BYTES) {
      throw new ListRefused("too_large", `The file unpacks to more than ${GUNZIP_MAX_BYTES} bytes.`);
    }
    yield* out.splice(0);
  }
  step(() => stream.push(new Uint8Array(0), true), "gzip file");
  yield* out.splice(0);
  if (!endsWell(tail, member.crc, member.size)) throw damaged("gzip file");
}

/**
 * Unpacks one raw deflate stream (RFC 1951) of a zip entry.
 * @param expected size and checksum that the archive's directory names
 * @throws ListRefused when they do not match
 */
export async function* inflateRaw(
  chunks: AsyncIterable<Uint8Array>,
  expected: { readonly size: number; readonly crc: number },
): AsyncGenerator<Uint8Array> {
  const out: Uint8Array[] = [];
  let total = 0;
  let crc = 0;
  const stream = new Inflate((part) => {
    out.push(part);
    total += part.length;
    crc = crc32(part, crc);
  });
  for await (const piece of piecesOf(chunks, INFLATE_PIECE_BYTES)) {
    step(() => stream.push(piece, false), "workbook");
    if (total > expected.size) throw damaged("workbook");
    yield* out.splice(0);
  }
  step(() => stream.push(new Uint8Array(0), true), "workbook");
  yield* out.splice(0);
  if (total !== expected.size || crc !== expected.crc) throw damaged("workbook");
}

function step(push: () => void, what: string): void {
  try {
    push();
  } catch (error) {
    if (error instanceof ListRefused) throw error;
    throw damaged(what);
  }
}

const damaged = (what: string): ListRefused =>
  new ListRefused("unreadable", `The ${what} is cut off or damaged; pack and upload it again.`);

/** The trailer of a gzip member: checksum and size modulo 2^32 (RFC 1952, 2.3.1). */
function endsWell(tail: Uint8Array, crc: number, total: number): boolean {
  if (tail.length < 8) return false;
  const view = new DataView(tail.buffer, tail.byteOffset, 8);
  return view.getUint32(0, true) === crc && view.getUint32(4, true) === total % 2 ** 32;
}

function lastBytes(before: Uint8Array, piece: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(before.length + Math.min(piece.length, count));
  both.set(before);
  both.set(piece.subarray(Math.max(0, piece.length - count)), before.length);
  return both.slice(-count);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 (ISO 3309) of bytes, continuing from `crc`; 0 begins. */
function crc32(bytes: Uint8Array, crc: number): number {
  let value = ~crc;
  for (let at = 0; at < bytes.length; at++) {
    value = (TABLE[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (value >>> 8);
  }
  return ~value >>> 0;
}
