import { CELL_MAX_CHARS, COLUMNS_MAX, RECORD_MAX_BYTES, SHEET_PIECE_BYTES } from "../../limits.ts";
import { piecesOf } from "../../source.ts";
import { ListRefused } from "../../table.ts";
import type { SharedStrings } from "./strings.ts";
import { numberText } from "./styles.ts";
import type { Sheet, Workbook } from "./workbook.ts";
import { attribute, createXmlScanner, unescapeCell, unescapeXml } from "./xml.ts";
import { findEntry, readEntry } from "./zip.ts";

/** A row of a sheet: its number as Excel shows it, and its cells from column A on as text. */
export type SheetRow = { readonly number: number; readonly cells: string[] };

/**
 * The rows of a sheet that have a cell with something in it, a few at a time. Formulas count by the value that was
 * stored with them; nothing is computed. Numbers and dates become text.
 * @param headBytes when only the beginning is wanted: bytes of the sheet after which no more is read
 * @throws ListRefused
 */
export async function* readSheet(
  workbook: Workbook,
  sheet: Sheet,
  strings: SharedStrings,
  headBytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<SheetRow[]> {
  const entry = findEntry(workbook.archive, sheet.path);
  if (entry === null) throw new ListRefused("unreadable", `The workbook has no data for its sheet "${sheet.name}".`);
  const rows: SheetRow[] = [];
  const scanner = createXmlScanner(cellHandler(workbook, strings, (row) => rows.push(row)));
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const piece of piecesOf(readEntry(workbook.archive, entry), SHEET_PIECE_BYTES)) {
    scanner.push(decoder.decode(piece, { stream: true }));
    if (rows.length > 0) yield rows.splice(0);
    bytes += piece.length;
    if (bytes > headBytes) return;
  }
  scanner.finish();
}

function cellHandler(workbook: Workbook, strings: SharedStrings, onRow: (row: SheetRow) => void) {
  let number = 0;
  let cells: string[] = [];
  let column = -1;
  let chars = 0;
  let type = "";
  let style = 0;
  let value = "";
  let collects = false;
  let phonetic = 0;

  const open = (name: string, tag: string): void => {
    if (name === "c") {
      column = columnOf(attribute(tag, "r")) ?? column + 1;
      type = attribute(tag, "t") ?? "n";
      style = Number(attribute(tag, "s") ?? 0);
      value = "";
    } else if (name === "v") collects = true;
    else if (name === "t") collects = phonetic === 0;
    else if (name === "rPh") phonetic++;
    else if (name === "row") {
      const given = Number(attribute(tag, "r") ?? Number.NaN);
      number = Number.isInteger(given) ? given : number + 1;
      cells = [];
      chars = 0;
      column = -1;
    }
  };

  const endCell = (): void => {
    const text = cellText(type, value, style, workbook, strings);
    if (text === "") return;
    if (column >= COLUMNS_MAX) {
      throw new ListRefused(
        "too_large",
        `Row ${number} has a cell beyond column ${COLUMNS_MAX}; at most that many are taken.`,
      );
    }
    chars += text.length;
    if (chars > RECORD_MAX_BYTES) {
      throw new ListRefused("too_large", `Row ${number} has more than ${RECORD_MAX_BYTES} characters in its cells.`);
    }
    while (cells.length < column) cells.push("");
    cells[column] = text;
  };

  return {
    open,
    close(name: string) {
      if (name === "c") endCell();
      else if (name === "v" || name === "t") collects = false;
      else if (name === "rPh") phonetic--;
      else if (name === "row" && cells.length > 0) onRow({ number, cells });
    },
    text(text: string) {
      if (!collects) return;
      value += unescapeXml(text);
      if (value.length > CELL_MAX_CHARS * 7) throw tooLong(number);
    },
  };
}

const tooLong = (row: number): ListRefused =>
  new ListRefused("too_large", `Row ${row} has a cell of more than ${CELL_MAX_CHARS} characters.`);

/** A cell's value as text, by its type (ECMA-376 part 1, 18.18.11). */
function cellText(type: string, value: string, style: number, workbook: Workbook, strings: SharedStrings): string {
  switch (type) {
    case "s":
      return value === "" ? "" : strings.at(Number(value));
    case "b":
      return value === "1" ? "TRUE" : value === "" ? "" : "FALSE";
    case "str":
    case "inlineStr":
      return unescapeCell(value);
    case "n":
      return numberText(value, workbook.styles[style] ?? "number", workbook.date1904);
    default:
      // Errors (#N/A) and ISO dates are text already.
      return value;
  }
}

/** Index of the column of a reference such as `AB12`; null when there is none. */
function columnOf(reference: string | null): number | null {
  if (reference === null) return null;
  let column = 0;
  for (let at = 0; at < reference.length; at++) {
    const code = reference.charCodeAt(at) | 32;
    if (code < 97 || code > 122) break;
    column = column * 26 + code - 96;
  }
  return column === 0 ? null : column - 1;
}
