import { strToU8, zipSync } from "fflate";
import { type Inspection, inspect, type Wishes } from "../../../edge/tables/read/inspect.ts";
import { readRows } from "../../../edge/tables/read/rows.ts";
import { type ByteSource, memorySource } from "../../../edge/tables/source.ts";
import type { Checkpoint, Dialect, Refusal, RowBatch, TableRow } from "../../../edge/tables/table.ts";

/** Text as a list, in UTF-8. */
export const list = (text: string): ByteSource => memorySource(new TextEncoder().encode(text));

/** Text in UTF-16, without a mark unless the text has one. */
export function utf16(text: string, bigEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at++) view.setUint16(at * 2, text.charCodeAt(at), !bigEndian);
  return bytes;
}

/** A source whose bytes come in chunks of the given sizes, over and over. */
export function choppy(bytes: Uint8Array, sizes: readonly number[]): ByteSource {
  return {
    size: bytes.length,
    async read(from, to) {
      let at = from;
      let turn = 0;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          const end = Math.min(to, at + (sizes[turn++ % sizes.length] ?? 1));
          if (end > at) controller.enqueue(bytes.slice(at, end));
          at = end;
          if (at >= to) controller.close();
        },
      });
    },
  };
}

/** What was found out about a list that has to be taken. */
export async function inspected(source: ByteSource, wishes: Wishes = {}): Promise<Inspection> {
  const found = await inspect(source, wishes);
  if (!found.ok) throw new Error(`refused: ${found.error.detail}`);
  return found.value;
}

/** Why a list that must not be taken is refused. */
export async function refused(source: ByteSource, wishes: Wishes = {}): Promise<Refusal> {
  const found = await inspect(source, wishes);
  if (found.ok) throw new Error(`taken as ${JSON.stringify(found.value.dialect)}`);
  return found.error;
}

export async function batchesOf(
  source: ByteSource,
  dialect: Dialect,
  from?: Checkpoint,
  batchRows?: number,
): Promise<RowBatch[]> {
  const batches: RowBatch[] = [];
  for await (const batch of readRows(source, dialect, from, batchRows)) batches.push(batch);
  return batches;
}

/** Number, address and cells of each row. */
export type PlainRow = [rowNo: number, email: string, ...cells: string[]];
export const plainRow = ({ rowNo, email, cells }: TableRow): PlainRow => [rowNo, email, ...cells];

/** All rows of a list as it is found to be written. */
export async function rowsOf(source: ByteSource, wishes: Wishes = {}): Promise<PlainRow[]> {
  const { dialect } = await inspected(source, wishes);
  return (await batchesOf(source, dialect)).flatMap(({ rows }) => rows.map(plainRow));
}

export const emailsOf = async (source: ByteSource, wishes: Wishes = {}): Promise<string[]> =>
  (await rowsOf(source, wishes)).map(([, email]) => email);

const MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
const DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/** Parts of a workbook: sheets by name as XML of their rows, shared strings, other parts as they are. */
export type WorkbookParts = {
  readonly sheets: Readonly<Record<string, string>>;
  readonly strings?: readonly string[];
  readonly styles?: string;
  readonly workbook?: string;
  readonly extra?: Readonly<Record<string, string>>;
};

/** A workbook as other programs write it: with shared strings and a directory of parts. */
export function workbook({
  sheets,
  strings,
  styles,
  workbook: properties = "",
  extra = {},
}: WorkbookParts): Uint8Array<ArrayBuffer> {
  const names = Object.keys(sheets);
  const tabs = names.map((name, at) => `<sheet name="${name}" sheetId="${at + 1}" r:id="rId${at + 1}"/>`).join("");
  const relations = names.map(
    (_, at) => `<Relationship Id="rId${at + 1}" Type="${DOCUMENT}/worksheet" Target="worksheets/sheet${at + 1}.xml"/>`,
  );
  const parts: Record<string, string> = {
    "xl/workbook.xml": `<?xml version="1.0"?><workbook ${MAIN} xmlns:r="${DOCUMENT}">${properties}<sheets>${tabs}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships>${relations.join("")}</Relationships>`,
  };
  names.forEach((name, at) => {
    parts[`xl/worksheets/sheet${at + 1}.xml`] = `<worksheet ${MAIN}><sheetData>${sheets[name]}</sheetData></worksheet>`;
  });
  if (strings !== undefined) parts["xl/sharedStrings.xml"] = `<sst ${MAIN}>${strings.join("")}</sst>`;
  if (styles !== undefined) parts["xl/styles.xml"] = `<styleSheet ${MAIN}>${styles}</styleSheet>`;
  const files = Object.entries({ ...parts, ...extra }).map(([path, xml]) => [path, strToU8(xml)] as const);
  return zipSync(Object.fromEntries(files)) as Uint8Array<ArrayBuffer>;
}

/** A row of text cells. */
export const textRow = (...cells: string[]): string =>
  `<row>${cells.map((cell) => `<c t="inlineStr"><is><t>${cell}</t></is></c>`).join("")}</row>`;
