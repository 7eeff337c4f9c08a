import type { Encoding } from "../table.ts";

/** What a head of bytes is encoded in, and how many bytes its byte order mark takes; null when it is no text. */
export type EncodingFound = { readonly encoding: Encoding; readonly bom: number };

/**
 * Finds the encoding of text from its first bytes: a byte order mark, else zeros at every other place (UTF-16), else
 * UTF-8 if it is that, else what Excel writes in the West when it is not asked (Windows-1252, WHATWG Encoding 9.1).
 * @param whole whether `head` is all of the text; else its last character may be cut
 */
export function findEncoding(head: Uint8Array, whole: boolean): EncodingFound | null {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { encoding: "utf-8", bom: 3 };
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: "utf-16le", bom: 2 };
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: "utf-16be", bom: 2 };
  const zeros = [0, 0];
  let controls = 0;
  head.forEach((byte, at) => {
    if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
    else if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 && byte !== 26) controls++;
  });
  const [even = 0, odd = 0] = zeros;
  if (even + odd > 0) {
    // Addresses are ASCII: in UTF-16 nearly every second byte of them is zero, always the same one.
    const half = head.length / 2;
    if (odd > half * 0.4 && even * 8 < odd) return { encoding: "utf-16le", bom: 0 };
    if (even > half * 0.4 && odd * 8 < even) return { encoding: "utf-16be", bom: 0 };
    return null;
  }
  if (controls * 50 > head.length) return null;
  return { encoding: isUtf8(head, whole) ? "utf-8" : "windows-1252", bom: 0 };
}

function isUtf8(head: Uint8Array, whole: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(head, { stream: !whole });
    return true;
  } catch {
    return false;
  }
}

/** Turns text into UTF-8 and can tell where in the original a place of the UTF-8 text is. */
export type Transcoder = {
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back because its character was cut. */
  finish(): Uint8Array;
  /** Bytes of the original before byte `end` of the UTF-8 text; asked for places in rising order. */
  originalOffset(end: number): number;
};

/** A transcoder for text in `encoding`; the byte order mark is not part of the text. */
export function createTranscoder(encoding: Encoding): Transcoder {
  if (encoding === "utf-8") {
    return { push: (chunk) => chunk, finish: () => new Uint8Array(0), originalOffset: (end) => end };
  }
  const unitBytes = encoding === "windows-1252" ? 1 : 2;
  const decoder = new TextDecoder(encoding, { fatal: false, ignoreBOM: true });
  const encoder = new TextEncoder();
  // Pieces since the last place asked for: usually one or two.
  let pieces: { readonly start: number; readonly original: number; readonly bytes: Uint8Array }[] = [];
  let length = 0;
  let original = 0;

  const take = (text: string): Uint8Array => {
    const bytes = encoder.encode(text);
    if (bytes.length > 0) pieces.push({ start: length, original, bytes });
    length += bytes.length;
    original += text.length * unitBytes;
    return bytes;
  };

  return {
    push: (chunk) => take(decoder.decode(chunk, { stream: true })),
    finish: () => take(decoder.decode()),
    originalOffset(end) {
      pieces = pieces.filter((piece) => piece.start + piece.bytes.length >= end);
      const [piece] = pieces;
      if (piece === undefined) return original;
      return piece.original + unitsOf(piece.bytes, end - piece.start) * unitBytes;
    },
  };
}

/** UTF-16 units of the first `length` bytes of UTF-8: one per character, two for those of four bytes. */
function unitsOf(bytes: Uint8Array, length: number): number {
  let units = 0;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at] ?? 0;
    if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1;
  }
  return units;
}
