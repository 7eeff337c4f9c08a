/** What a file is, by its first bytes. Its name and declared type are not asked. */
export type FileKind =
  | { readonly kind: "zip" | "gzip" | "text" }
  | { readonly kind: "refused"; readonly detail: string };

const TEXT_INSTEAD = "upload the list as CSV, text, JSON or .xlsx.";

/** What other files begin with (at `at`), and what they are. */
const SIGNATURES: readonly { readonly at?: number; readonly bytes: string; readonly what: string }[] = [
  { bytes: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", what: "an old Excel workbook (.xls) or one with a password" },
  { bytes: "%PDF", what: "a PDF" },
  { bytes: "\x89PNG", what: "an image (PNG)" },
  { bytes: "\xff\xd8\xff", what: "an image (JPEG)" },
  { bytes: "GIF8", what: "an image (GIF)" },
  { bytes: "WEBP", at: 8, what: "an image (WebP)" },
  { bytes: "ftyp", at: 4, what: "a picture or video" },
  { bytes: "Rar!\x1a\x07", what: "a RAR archive" },
  { bytes: "7z\xbc\xaf\x27\x1c", what: "a 7z archive" },
  { bytes: "BZh", what: "a bzip2 archive" },
  { bytes: "\xfd7zXZ\0", what: "an xz archive" },
  { bytes: "\x28\xb5\x2f\xfd", what: "a Zstandard archive" },
  { bytes: "ustar", at: 257, what: "a tar archive" },
  { bytes: "SQLite format 3\0", what: "an SQLite database" },
  { bytes: "PAR1", what: "a Parquet file" },
  { bytes: "{\\rtf", what: "a Rich Text document" },
];

/**
 * Tells a file's kind.
 * @param head its first bytes, of which 512 are enough
 */
export function kindOf(head: Uint8Array): FileKind {
  // Each byte as the character of its number, so that signatures are strings.
  const text = String.fromCharCode(...head.subarray(0, 512));
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) return { kind: "zip" };
  if (text.startsWith("\x1f\x8b")) return { kind: "gzip" };
  const other = SIGNATURES.find(({ at = 0, bytes }) => text.startsWith(bytes, at));
  if (other !== undefined) return { kind: "refused", detail: `The file is ${other.what}; ${TEXT_INSTEAD}` };
  const start = text.replace(/^\xef\xbb\xbf/, "").trimStart();
  if (/^<(?:!doctype html|html|head|body|table|div|script)\b/i.test(start)) {
    return { kind: "refused", detail: `The file is a web page (HTML); ${TEXT_INSTEAD}` };
  }
  if (start.startsWith("<?xml")) return { kind: "refused", detail: `The file is XML; ${TEXT_INSTEAD}` };
  if (/^BEGIN:VCARD\b/i.test(start))
    return { kind: "refused", detail: `The file holds contact cards (vCard); ${TEXT_INSTEAD}` };
  return { kind: "text" };
}
