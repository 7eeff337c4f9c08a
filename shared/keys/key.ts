import { err, ok, type Result } from "../result.ts";

/**
 * API keys: `ev_live_<id>_<secret><checksum>`, or `ev_test_…`. The id (12 characters) finds the key's row; the secret
 * (32 characters, 190 bits) is known to its owner alone; the checksum (6 characters) is the CRC-32 of all that stands
 * before it, in base 62, so that a mistyped or cut key is refused without a look-up and secret scanners can be sure.
 * Stored is only the SHA-256 of the whole text.
 */
export const KEY_MODES = ["live", "test"] as const;
export type KeyMode = (typeof KEY_MODES)[number];

export const KEY_ID_CHARS = 12;
export const KEY_SECRET_CHARS = 32;
const CHECKSUM_CHARS = 6;

export type ParsedKey = { readonly mode: KeyMode; readonly id: string };

/** Why a text is no key: it does not look like one, or its checksum tells that characters were lost or changed. */
export type KeyFault = "shape" | "checksum";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SHAPE = /^ev_(live|test)_([0-9A-Za-z]{12})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;

/** Puts a key together. `id` and `secret` are 12 and 32 characters of base 62 (see {@link base62}). */
export function formatKey(mode: KeyMode, id: string, secret: string): string {
  const body = `ev_${mode}_${id}_${secret}`;
  return body + checksum(body);
}

/** Takes a key apart and checks its checksum; says nothing about whether such a key exists. */
export function parseKey(text: string): Result<ParsedKey, KeyFault> {
  const match = SHAPE.exec(text);
  const [, mode, id] = match ?? [];
  if (id === undefined) return err("shape");
  const body = text.slice(0, -CHECKSUM_CHARS);
  if (checksum(body) !== text.slice(-CHECKSUM_CHARS)) return err("checksum");
  return ok({ mode: mode === "test" ? "test" : "live", id });
}

/** Text of base 62 from random bytes, one character for each byte below 248; give half as many more bytes as needed. */
export function base62(random: Uint8Array, length: number): string {
  let text = "";
  for (const byte of random) {
    // 248 is the largest multiple of 62 in a byte: taking the rest of larger ones would favour some characters.
    if (byte < 248 && text.length < length) text += ALPHABET.charAt(byte % 62);
  }
  if (text.length < length) throw new Error("base62: too few random bytes");
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    text = ALPHABET.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 of ASCII text (ISO 3309, the one of PNG and zip). */
function crc32(ascii: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < ascii.length; i++) {
    crc = (CRC_TABLE[(crc ^ ascii.charCodeAt(i)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
