import { parse } from "csv-parse/stream";
import { parseAddress } from "../../shared/address/parse.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { csvOptions, type Encoding, type ListFormat } from "./list.ts";

/** Why a file is not taken, in a sentence for its owner. */
export type SniffFault = {
  readonly kind: "list_unreadable" | "no_address_column" | "empty_list";
  readonly detail: string;
};

const DELIMITERS = [",", ";", "\t", "|"] as const;
const SAMPLE_ROWS = 200;

/** What files that are no text begin with, and how to say so. */
const SIGNATURES: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], "The file is an Excel workbook or a zip archive; save the sheet as CSV and upload that."],
  [[0xd0, 0xcf, 0x11, 0xe0], "The file is an old Excel workbook; save the sheet as CSV and upload that."],
  [[0x25, 0x50, 0x44, 0x46], "The file is a PDF; upload the list as CSV."],
  [[0x1f, 0x8b], "The file is compressed with gzip; upload it unpacked."],
];

/**
 * Finds out how to read a CSV list from its first bytes: encoding, delimiter, header, the column with the addresses.
 * The file's name and declared type are not asked.
 * @param wanted the column that the caller names: by its header, or by number from 1
 * @param whole whether `head` is all of the file
 */
export async function sniffCsv(
  head: Uint8Array,
  wanted: string | null,
  whole: boolean,
): Promise<Result<ListFormat, SniffFault>> {
  const signature = SIGNATURES.find(([bytes]) => bytes.every((byte, i) => head[i] === byte));
  if (signature !== undefined) return err({ kind: "list_unreadable", detail: signature[1] });
  const encoding = encodingOf(head, whole);
  if (encoding === null)
    return err({ kind: "list_unreadable", detail: "The file is not text. Upload the list as CSV." });
  const text = new TextEncoder().encode(new TextDecoder(encoding).decode(head, { stream: !whole }));
  const { delimiter, records } = await bestSplit(text, whole);
  const [first] = records;
  if (first === undefined) return err({ kind: "empty_list", detail: "The file is empty." });
  const column = wanted === null ? addressColumn(records) : namedColumn(first, wanted);
  if (column === null) {
    const columns = first
      .slice(0, 20)
      .map((cell) => cell.slice(0, 40))
      .join(", ");
    const detail = wanted === null ? "No column looks like e-mail addresses" : `There is no column "${wanted}"`;
    return err({ kind: "no_address_column", detail: `${detail}. The first line holds: ${columns}` });
  }
  const header = isHeader(records, column);
  if (header && records.length === 1 && whole)
    return err({ kind: "empty_list", detail: "The file has a header and no rows." });
  return ok({ kind: "csv", encoding, delimiter, header, column });
}

function encodingOf(head: Uint8Array, whole: boolean): Encoding | null {
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  let controls = 0;
  for (const byte of head) {
    if (byte === 0) return null;
    if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) controls++;
  }
  if (controls * 50 > head.length) return null;
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(head, { stream: !whole });
    return "utf-8";
  } catch {
    // What Excel writes in the West when it is not asked for UTF-8.
    return "windows-1252";
  }
}

type Split = { readonly delimiter: string; readonly records: readonly (readonly string[])[] };

/** The delimiter that cuts most records into the same number of columns, more than one; a comma if none does. */
async function bestSplit(text: Uint8Array, whole: boolean): Promise<Split> {
  let best: Split & { score: number } = { delimiter: ",", records: [], score: -1 };
  for (const delimiter of DELIMITERS) {
    const records = await sample(text, delimiter, whole);
    const width = records[0]?.length ?? 0;
    const even = records.filter((record) => record.length === width).length / Math.max(1, records.length);
    const score = width > 1 ? even + Math.min(width, 10) / 100 : 0;
    if (score > best.score) best = { delimiter, records, score };
  }
  return best;
}

async function sample(text: Uint8Array, delimiter: string, whole: boolean): Promise<string[][]> {
  const records: string[][] = [];
  const { writable } = parse({
    ...csvOptions(delimiter),
    bom: true,
    on_record(record) {
      if (records.length < SAMPLE_ROWS) records.push(record);
      return null;
    },
  });
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  // An open quote shows when the whole list is read; here it may only be the cut.
  await writer.write(text).catch(() => undefined);
  if (whole) await writer.close().catch(() => undefined);
  return records;
}

const HEADER_NAME =
  /^(e[-_ ]?mail([-_ ]?(address|adresse|addr|id))?|mail|(email|mail)s|address|adresse|correo|courriel|posta|почта|邮箱|メール)$/i;
const HEADER_HINT = /e-?mail|courriel|correo/i;

/** The column whose cells look most like addresses; failing those, the one whose header says so. */
function addressColumn(records: readonly (readonly string[])[]): number | null {
  const width = Math.max(...records.map((record) => record.length));
  const [first = []] = records;
  let best: number | null = null;
  let most = 0;
  for (let column = 0; column < Math.min(width, 1_000); column++) {
    const hits = records.filter((record) => looksLikeAddress(record[column] ?? "")).length;
    const named = HEADER_NAME.test((first[column] ?? "").trim()) ? 0.5 : 0;
    if (hits + named > most) {
      most = hits + named;
      best = column;
    }
  }
  if (best !== null) return best;
  const hinted = first.findIndex((cell) => HEADER_HINT.test(cell) && cell.length < 40);
  return hinted < 0 ? null : hinted;
}

function namedColumn(first: readonly string[], wanted: string): number | null {
  const name = wanted.trim().toLowerCase();
  const byName = first.findIndex((cell) => cell.trim().toLowerCase() === name);
  if (byName >= 0) return byName;
  const number = /^\d{1,4}$/.test(name) ? Number(name) : 0;
  return number >= 1 && number <= first.length ? number - 1 : null;
}

/** The first record is a header if its cell is no address and either says what the column is or is followed by some. */
function isHeader(records: readonly (readonly string[])[], column: number): boolean {
  const cell = (records[0]?.[column] ?? "").trim();
  if (cell.includes("@")) return false;
  if (HEADER_NAME.test(cell) || HEADER_HINT.test(cell)) return true;
  return records.slice(1, 20).some((record) => looksLikeAddress(record[column] ?? ""));
}

const looksLikeAddress = (cell: string): boolean => cell.includes("@") && parseAddress(cell).ok;
