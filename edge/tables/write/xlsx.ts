import { strToU8, Zip, ZipDeflate } from "fflate";
import { SHEET_CELL_MAX_CHARS, SHEET_MAX_BYTES, SHEET_MAX_ROWS } from "../limits.ts";
import { cellText, type ResultRow, type Value } from "./cell.ts";

/** Writes a workbook piece by piece; each call returns the bytes that it completes. */
export type WorkbookWriter = {
  begin(columns: readonly string[]): Uint8Array[];
  rows(rows: readonly ResultRow[]): Uint8Array[];
  end(): Uint8Array[];
};

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/** Sheets fill so much faster than they shrink further that more effort does not pay. */
const DEFLATE_LEVEL = 3;
/** Entries carry the earliest time that zip knows, so that the same results give the same file. */
const ENTRY_TIME = new Date(1980, 0, 1);

/**
 * A workbook (Office Open XML, ECMA-376) with text in the cells, which is never computed. Each sheet begins with the
 * header; when one is full, the next goes on. The list of sheets is written last, so nothing is held but one deflate
 * window.
 */
export function createWorkbookWriter(sheetMaxRows = SHEET_MAX_ROWS): WorkbookWriter {
  let out: Uint8Array[] = [];
  const zip = new Zip((error, bytes) => {
    if (error !== null) throw error;
    out.push(bytes);
  });
  let names: readonly string[] = [];
  let sheet: ZipDeflate | null = null;
  let sheets = 0;
  let rowsInSheet = 0;
  let bytesInSheet = 0;

  const taken = (): Uint8Array[] => {
    const bytes = out;
    out = [];
    return bytes;
  };
  const part = (path: string): ZipDeflate => {
    const entry = new ZipDeflate(path, { level: DEFLATE_LEVEL });
    entry.mtime = ENTRY_TIME;
    zip.add(entry);
    return entry;
  };
  const put = (path: string, xml: string): void => part(path).push(strToU8(XML + xml), true);
  const write = (xml: string, last = false): void => {
    const bytes = strToU8(xml);
    bytesInSheet += bytes.length;
    sheet?.push(bytes, last);
  };
  const openSheet = (): void => {
    sheets++;
    sheet = part(`xl/worksheets/sheet${sheets}.xml`);
    bytesInSheet = 0;
    rowsInSheet = 1;
    write(`${XML}<worksheet xmlns="${MAIN}"><sheetData>${rowXml(names, 1)}`);
  };
  const closeSheet = (): void => write("</sheetData></worksheet>", true);

  return {
    begin(columns) {
      names = columns;
      put(
        "_rels/.rels",
        `<Relationships xmlns="${PACKAGE}/relationships">${relation(1, "officeDocument", "xl/workbook.xml")}</Relationships>`,
      );
      openSheet();
      return taken();
    },
    rows(rows) {
      for (let at = 0; at < rows.length; ) {
        if (rowsInSheet >= sheetMaxRows || bytesInSheet > SHEET_MAX_BYTES) {
          closeSheet();
          openSheet();
        }
        const some = rows.slice(at, at + Math.min(ROWS_AT_ONCE, sheetMaxRows - rowsInSheet));
        const first = rowsInSheet + 1;
        write(some.map((row, index) => rowXml(row, first + index)).join(""));
        rowsInSheet += some.length;
        at += some.length;
      }
      return taken();
    },
    end() {
      closeSheet();
      const numbers = Array.from({ length: sheets }, (_, index) => index + 1);
      const tabs = numbers.map(
        (n) => `<sheet name="${n === 1 ? "Results" : `Results ${n}`}" sheetId="${n}" r:id="rId${n}"/>`,
      );
      put(
        "xl/workbook.xml",
        `<workbook xmlns="${MAIN}" xmlns:r="${DOCUMENT}"><sheets>${tabs.join("")}</sheets></workbook>`,
      );
      const relations = numbers.map((n) => relation(n, "worksheet", `worksheets/sheet${n}.xml`));
      put(
        "xl/_rels/workbook.xml.rels",
        `<Relationships xmlns="${PACKAGE}/relationships">${relations.join("")}</Relationships>`,
      );
      put("[Content_Types].xml", contentTypes(numbers));
      zip.end();
      return taken();
    },
  };
}

/** Rows that are turned into XML at once: a few hundred KB. */
const ROWS_AT_ONCE = 500;

const relation = (n: number, type: string, target: string): string =>
  `<Relationship Id="rId${n}" Type="${DOCUMENT}/${type}" Target="${target}"/>`;

function contentTypes(sheets: readonly number[]): string {
  const parts = sheets.map(
    (n) => `<Override PartName="/xl/worksheets/sheet${n}.xml" ContentType="${CONTENT}.worksheet+xml"/>`,
  );
  return (
    `<Types xmlns="${PACKAGE}/content-types">` +
    `<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
    `<Default Extension="xml" ContentType="application/xml"/>` +
    `<Override PartName="/xl/workbook.xml" ContentType="${CONTENT}.sheet.main+xml"/>${parts.join("")}</Types>`
  );
}

function rowXml(row: ResultRow, number: number): string {
  let xml = `<row r="${number}">`;
  for (let at = 0; at < row.length; at++) xml += cellXml(row[at], `${columnLetters(at)}${number}`);
  return `${xml}</row>`;
}

const LETTERS: string[] = [];

/** A, B, … Z, AA, …: the reference is optional in the standard, but some readers do not work without. */
function columnLetters(index: number): string {
  for (let next = LETTERS.length; next <= index; next++) {
    const before = next < 26 ? "" : (LETTERS[Math.floor(next / 26) - 1] ?? "");
    LETTERS.push(before + String.fromCharCode(65 + (next % 26)));
  }
  return LETTERS[index] ?? "";
}

function cellXml(value: Value, reference: string): string {
  if (typeof value === "number" && Number.isFinite(value)) return `<c r="${reference}"><v>${value}</v></c>`;
  if (typeof value === "boolean") return `<c r="${reference}" t="b"><v>${value ? 1 : 0}</v></c>`;
  const text = cellText(value);
  if (text === "") return "";
  const xml = xmlText(text.slice(0, SHEET_CELL_MAX_CHARS));
  return `<c r="${reference}" t="inlineStr"><is><t xml:space="preserve">${xml}</t></is></c>`;
}

/** What XML 1.0 cannot hold or would change, and text that looks like a workbook's own escape for that. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SPECIAL = /[&<>\u0000-\u0008\u000b-\u001f\ufffe\uffff]|_x[0-9a-fA-F]{4}_/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SPECIALS = /[&<>\u0000-\u0008\u000b-\u001f\ufffe\uffff]|_(?=x[0-9a-fA-F]{4}_)/g;

function xmlText(text: string): string {
  const whole = text.toWellFormed();
  if (!SPECIAL.test(whole)) return whole;
  return whole.replace(SPECIALS, (char) => {
    if (char === "&") return "&amp;";
    if (char === "<") return "&lt;";
    if (char === ">") return "&gt;";
    return `_x${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}_`;
  });
}
