import { err, ok, type Result } from "../../../shared/result.ts";
import {
  HEAD_BYTES,
  PREVIEW_CELL_CHARS,
  PREVIEW_ROWS,
  SAMPLE_ROWS,
  SHEET_HEAD_BYTES,
  SHEETS_TRIED_MAX,
} from "../limits.ts";
import { type ByteSource, chunksOf, headOf } from "../source.ts";
import { type Dialect, type Encoding, ListRefused, type Refusal } from "../table.ts";
import { type ColumnsFound, type ColumnWish, findColumns } from "./column.ts";
import { createTranscoder, findEncoding } from "./encoding.ts";
import { gunzip } from "./inflate.ts";
import { cellsOf, createJsonReader } from "./json.ts";
import { kindOf } from "./kind.ts";
import { findSplit, isBlank } from "./split.ts";
import { readSheet } from "./xlsx/sheet.ts";
import { readSharedStrings, type SharedStrings } from "./xlsx/strings.ts";
import { openWorkbook, type Sheet, sheetNamed, type Workbook } from "./xlsx/workbook.ts";

/** What the caller knows about a list; the rest is found out. */
export type Wishes = ColumnWish & {
  readonly encoding?: Encoding | undefined;
  readonly delimiter?: string | undefined;
  readonly sheet?: string | undefined;
};

/** How a list is to be read, and what its owner is shown before a job starts. */
export type Inspection = {
  readonly dialect: Dialect;
  readonly header: boolean;
  /** Indexes of other columns that seem to hold addresses, best first. */
  readonly alternatives: readonly number[];
  /** Names of the sheets of a workbook, hidden ones too; none for other files. */
  readonly sheets: readonly string[];
  /** The first rows, with one cell per column; long cells are shortened. */
  readonly rows: readonly (readonly string[])[];
};

/**
 * Looks at a list: what it is, how it is written, where the addresses are. Its content decides, whatever its name and
 * declared type say. Reads the beginning only (of a workbook: its shared strings, too).
 * @returns what was found, or one sentence that says why the list is not taken
 */
export async function inspect(source: ByteSource, wishes: Wishes = {}): Promise<Result<Inspection, Refusal>> {
  try {
    const head = await headOf(chunksOf(await source.read(0, Math.min(source.size, HEAD_BYTES))), HEAD_BYTES);
    const file = kindOf(head);
    if (file.kind === "refused") return err({ kind: "unsupported", detail: file.detail });
    if (file.kind === "zip") return await inspectWorkbook(source, wishes);
    if (file.kind === "text") return await inspectText(head, source.size <= HEAD_BYTES, false, wishes);
    const inner = await headOf(gunzip(chunksOf(await source.read(0, source.size))), HEAD_BYTES + 1);
    const packed = kindOf(inner);
    if (packed.kind === "refused") return err({ kind: "unsupported", detail: packed.detail });
    if (packed.kind !== "text") {
      return err({
        kind: "unsupported",
        detail: "The gzip file holds another archive or a workbook; upload that itself.",
      });
    }
    return await inspectText(inner.subarray(0, HEAD_BYTES), inner.length <= HEAD_BYTES, true, wishes);
  } catch (error) {
    if (error instanceof ListRefused) return err(error.refusal);
    throw error;
  }
}

async function inspectText(
  head: Uint8Array,
  whole: boolean,
  gzip: boolean,
  wishes: Wishes,
): Promise<Result<Inspection, Refusal>> {
  const found = findEncoding(head, whole);
  if (found === null && wishes.encoding === undefined) {
    return err({ kind: "unsupported", detail: "The file is not text; upload the list as CSV, text, JSON or .xlsx." });
  }
  const encoding = wishes.encoding ?? found?.encoding ?? "utf-8";
  const bom = found?.encoding === encoding ? found.bom : 0;
  const transcoder = createTranscoder(encoding);
  const pieces = [transcoder.push(head.subarray(bom)), ...(whole ? [transcoder.finish()] : [])];
  const text = await headOf(
    inOrder(pieces),
    pieces.reduce((sum, piece) => sum + piece.length, 0),
  );
  if (text.indexOf(0) >= 0)
    return err({ kind: "unreadable", detail: "There are zero bytes in the file; it is damaged or no text." });
  const shared = { gzip, encoding };
  const form = jsonForm(text);
  if (form !== null) return inspectJson(text, whole, form, { ...shared, start: bom }, wishes);
  const hint = excelHint(text);
  const delimiter = wishes.delimiter ?? hint?.delimiter ?? null;
  if (delimiter !== null && !/^[^"\r\n\0]$/.test(delimiter)) {
    return err({
      kind: "unsupported",
      detail: "A delimiter is one character that is neither a quote nor the end of a line.",
    });
  }
  const split = await findSplit(text.subarray(hint?.bytes ?? 0), whole, delimiter);
  const columns = columnsOf(split.records, wishes);
  if (!columns.ok) return columns;
  const start = bom + (hint === null ? 0 : originalLength(encoding, hint.bytes));
  const { records, delimiter: cut, ends, quotes } = split;
  const how = { delimiter: cut, ends: [...ends], quotes };
  return ok(
    inspection({ kind: "csv", ...shared, start, ...how, ...shapeOf(columns.value) }, columns.value, records, []),
  );
}

async function* inOrder(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Columns of sampled records; no records at all are refused before. */
function columnsOf(records: readonly (readonly string[])[], wishes: ColumnWish): Result<ColumnsFound, Refusal> {
  if (records.length === 0) return err({ kind: "empty", detail: "The list is empty." });
  const columns = findColumns(records, wishes);
  if (columns.ok && columns.value.skip >= records.length)
    return err({ kind: "empty", detail: "The list has a header and no rows." });
  return columns;
}

/** Excel's own first line, `sep=;`: the delimiter, and the bytes that the line takes. */
function excelHint(text: Uint8Array): { readonly delimiter: string; readonly bytes: number } | null {
  const match = /^sep=(.)(?:\r\n|\n|\r)/i.exec(
    new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(text.subarray(0, 16)),
  );
  return match?.[1] === undefined ? null : { delimiter: match[1], bytes: match[0].length };
}

const originalLength = (encoding: Encoding, ascii: number): number =>
  encoding.startsWith("utf-16") ? ascii * 2 : ascii;

/** Whether text is JSON: an array, or a line that is an object, an array or a string with more of them behind it. */
function jsonForm(text: Uint8Array): "array" | "lines" | null {
  const start = new TextDecoder().decode(text).trimStart();
  if (/^\[\s*(?:["{[\]\d]|null)/.test(start)) return /^\[[^\n]*\]\s*\n\s*\[/.test(start) ? "lines" : "array";
  return /^\{\s*["}]/.test(start) ? "lines" : null;
}

async function inspectJson(
  text: Uint8Array,
  whole: boolean,
  form: "array" | "lines",
  shared: { gzip: boolean; encoding: Encoding; start: number },
  wishes: Wishes,
): Promise<Result<Inspection, Refusal>> {
  const values: unknown[] = [];
  const reader = createJsonReader(form, false, 1, (value) => {
    if (values.length < SAMPLE_ROWS) values.push(value);
  });
  await reader.push(text);
  if (whole) await reader.finish();
  else if (values.length === 0)
    throw new ListRefused("unreadable", `No value ends within the first ${text.length} bytes.`);
  const keys = new Set<string>();
  for (const value of values) {
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const key of Object.keys(value)) keys.add(key);
  }
  const names = [...keys];
  const records = values
    .map((value) => cellsOf(value, names.length > 0 ? names : ["email"], 0))
    .filter((cells) => !isBlank(cells));
  if (records.length === 0) return err({ kind: "empty", detail: "The list is empty." });
  const named = names.length > 0;
  const columns = findColumns(named ? [names, ...records] : records, { column: wishes.column, header: named });
  if (!columns.ok) return columns;
  const shape = named ? { columns: names, column: columns.value.column, skip: 0 } : shapeOf(columns.value);
  return ok(inspection({ kind: "json", ...shared, form, ...shape }, { ...columns.value, skip: 0 }, records, []));
}

async function inspectWorkbook(source: ByteSource, wishes: Wishes): Promise<Result<Inspection, Refusal>> {
  const workbook = await openWorkbook(source);
  const strings = await readSharedStrings(workbook.archive, workbook.strings);
  const visible = workbook.sheets.filter((sheet) => !sheet.hidden);
  const candidates =
    wishes.sheet === undefined ? visible.slice(0, SHEETS_TRIED_MAX) : [sheetNamed(workbook, wishes.sheet)];
  let refusal: Refusal = { kind: "empty", detail: "The workbook has no visible sheet with cells." };
  let refused = false;
  for (const sheet of candidates) {
    const records = await firstRecords(workbook, sheet, strings);
    const columns = columnsOf(records, wishes);
    if (columns.ok) {
      const sheets = workbook.sheets.map(({ name }) => name);
      return ok(
        inspection({ kind: "xlsx", sheet: sheet.name, ...shapeOf(columns.value) }, columns.value, records, sheets),
      );
    }
    // The first sheet with cells is the one whose fault is told.
    if (!refused) refusal = columns.error;
    refused ||= columns.error.kind !== "empty";
  }
  return err(refusal);
}

async function firstRecords(workbook: Workbook, sheet: Sheet, strings: SharedStrings): Promise<string[][]> {
  const records: string[][] = [];
  for await (const rows of readSheet(workbook, sheet, strings, SHEET_HEAD_BYTES)) {
    for (const { cells } of rows) if (!isBlank(cells)) records.push(cells);
    if (records.length >= SAMPLE_ROWS) break;
  }
  return records.slice(0, SAMPLE_ROWS);
}

const shapeOf = ({ columns, column, skip }: ColumnsFound) => ({ columns: [...columns], column, skip });

function inspection(
  dialect: Dialect,
  { header, alternatives, skip }: ColumnsFound,
  records: readonly (readonly string[])[],
  sheets: readonly string[],
): Inspection {
  const shown = (cell: string): string =>
    cell.length > PREVIEW_CELL_CHARS ? `${cell.slice(0, PREVIEW_CELL_CHARS)}…` : cell;
  const rows = records
    .slice(skip, skip + PREVIEW_ROWS)
    .map((record) => dialect.columns.map((_, index) => shown(record[index] ?? "")));
  return { dialect, header, alternatives, sheets, rows };
}
