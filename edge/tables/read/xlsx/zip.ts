import {
  WORKBOOK_MAX_BYTES,
  WORKBOOK_RATIO_FREE_BYTES,
  WORKBOOK_RATIO_MAX,
  ZIP_DIRECTORY_MAX_BYTES,
  ZIP_ENTRIES_MAX,
} from "../../limits.ts";
import { type ByteSource, chunksOf, headOf } from "../../source.ts";
import { ListRefused } from "../../table.ts";
import { inflateRaw } from "../inflate.ts";

/** A part of an archive as its directory describes it. */
export type ZipEntry = {
  readonly name: string;
  readonly offset: number;
  readonly packed: number;
  readonly size: number;
  readonly crc: number;
  readonly method: number;
  readonly encrypted: boolean;
};

/** An archive's parts by name (APPNOTE 6.3.10). */
export type Archive = { readonly source: ByteSource; readonly entries: ReadonlyMap<string, ZipEntry> };

/** Longest end record: 22 bytes and a comment (APPNOTE 4.3.16). */
const END_MAX_BYTES = 22 + 65_535;
const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const [STORED, DEFLATED] = [0, 8];

const broken = (): ListRefused =>
  new ListRefused("unreadable", "The workbook is cut off or damaged; save and upload it again.");

/**
 * Reads an archive's directory.
 * @throws ListRefused when there is none that can be trusted
 */
export async function openArchive(source: ByteSource): Promise<Archive> {
  const tail = await bytesOf(source, Math.max(0, source.size - END_MAX_BYTES), source.size);
  const end = endRecord(tail);
  if (end === null) throw broken();
  const count = end.getUint16(10, true);
  const length = end.getUint32(12, true);
  const offset = end.getUint32(16, true);
  if (count > ZIP_ENTRIES_MAX || length > ZIP_DIRECTORY_MAX_BYTES) {
    throw new ListRefused(
      "too_large",
      `The file is an archive of more than ${ZIP_ENTRIES_MAX} parts; a workbook has fewer.`,
    );
  }
  if (offset + length > source.size) throw broken();
  return { source, entries: directory(await bytesOf(source, offset, offset + length), count) };
}

/** The last end record whose comment reaches to the end of the file. */
function endRecord(tail: Uint8Array): DataView | null {
  const view = viewOf(tail);
  for (let at = tail.length - 22; at >= 0; at--) {
    if (view.getUint32(at, true) === END_SIGNATURE && at + 22 + view.getUint16(at + 20, true) === tail.length) {
      return new DataView(tail.buffer, tail.byteOffset + at, 22);
    }
  }
  return null;
}

function directory(bytes: Uint8Array, count: number): Map<string, ZipEntry> {
  const view = viewOf(bytes);
  const decoder = new TextDecoder();
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let n = 0; n < count; n++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== ENTRY_SIGNATURE) throw broken();
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const name = decoder
      .decode(bytes.subarray(at + 46, nameEnd))
      .replaceAll("\\", "/")
      .replace(/^\//, "");
    entries.set(name.toLowerCase(), {
      name,
      offset: view.getUint32(at + 42, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      crc: view.getUint32(at + 16, true),
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) === 1,
    });
    at = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/** A part by its path, whatever its case; null when there is none. */
export const findEntry = (archive: Archive, path: string): ZipEntry | null =>
  archive.entries.get(path.toLowerCase()) ?? null;

/**
 * The unpacked bytes of a part, checked against the directory's size and checksum.
 * @throws ListRefused for a bomb, an encrypted part, damage
 */
export async function* readEntry(archive: Archive, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  if (entry.encrypted) {
    throw new ListRefused("unsupported", "The workbook is protected by a password; save it without one.");
  }
  if (entry.method !== STORED && entry.method !== DEFLATED) throw broken();
  const bomb = entry.size > WORKBOOK_RATIO_FREE_BYTES && entry.size > entry.packed * WORKBOOK_RATIO_MAX;
  if (bomb || entry.size > WORKBOOK_MAX_BYTES) {
    throw new ListRefused(
      "too_large",
      `The workbook unpacks to more than is taken (${entry.name}: ${entry.size} bytes).`,
    );
  }
  const { source } = archive;
  const local = viewOf(await bytesOf(source, entry.offset, entry.offset + 30));
  if (local.byteLength < 30 || local.getUint32(0, true) !== LOCAL_SIGNATURE) throw broken();
  const start = entry.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (start + entry.packed > source.size) throw broken();
  const chunks = chunksOf(await source.read(start, start + entry.packed));
  if (entry.method === DEFLATED) yield* inflateRaw(chunks, entry);
  else yield* chunks;
}

/** All of a small part as text; null when there is no such part. */
export async function readText(archive: Archive, path: string, maxBytes: number): Promise<string | null> {
  const entry = findEntry(archive, path);
  if (entry === null) return null;
  if (entry.size > maxBytes) {
    throw new ListRefused(
      "too_large",
      `The workbook has a part of ${entry.size} bytes (${entry.name}); ${maxBytes} are taken.`,
    );
  }
  return new TextDecoder().decode(await headOf(readEntry(archive, entry), entry.size + 1));
}

async function bytesOf(source: ByteSource, from: number, to: number): Promise<Uint8Array> {
  const end = Math.min(to, source.size);
  return end <= from ? new Uint8Array(0) : headOf(chunksOf(await source.read(from, end)), end - from);
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
