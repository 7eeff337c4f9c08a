import { cellText, neutralised, type ResultRow, type Value } from "./cell.ts";

/** Writes a format piece by piece: what goes before the rows, some rows, what goes after them. */
export type TextFormat = {
  begin(columns: readonly string[]): string;
  rows(rows: readonly ResultRow[]): string;
  end(): string;
};

/** Cells that have to be quoted: delimiter, quote, line ends, and blanks at the ends, which some readers trim. */
const QUOTED = /[",\r\n]|^\s|\s$/;

/**
 * CSV (RFC 4180) in UTF-8 with commas and CRLF.
 * @param bom a byte order mark, without which Excel takes the file for Windows-1252
 * @param raw leaves cells that begin a formula as they are
 */
export function csvFormat(bom: boolean, raw: boolean): TextFormat {
  const cell = (value: Value): string => {
    // Numbers and truth values of ours begin no formula.
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    const plain = cellText(value);
    const text = raw ? plain : neutralised(plain);
    return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (row: ResultRow): string => {
    // An empty line would be no row for most readers.
    if (row.length === 1 && cellText(row[0]) === "") return '""\r\n';
    let text = "";
    for (let at = 0; at < row.length; at++) text += at === 0 ? cell(row[at]) : `,${cell(row[at])}`;
    return `${text}\r\n`;
  };
  return {
    begin: (columns) => (bom ? "\uFEFF" : "") + line(columns),
    rows: (rows) => rows.map(line).join(""),
    end: () => "",
  };
}

/** NDJSON: one object per line, keys in the order of the columns. */
export function ndjsonFormat(): TextFormat {
  let object = objects([]);
  return {
    begin(columns) {
      object = objects(columns);
      return "";
    },
    rows: (rows) => rows.map((row) => `${object(row)}\n`).join(""),
    end: () => "",
  };
}

/** A JSON array of the same objects, one per line. */
export function jsonFormat(): TextFormat {
  let object = objects([]);
  let any = false;
  return {
    begin(columns) {
      object = objects(columns);
      return "[";
    },
    rows(rows) {
      if (rows.length === 0) return "";
      const text = `${any ? ",\n" : "\n"}${rows.map(object).join(",\n")}`;
      any = true;
      return text;
    },
    end: () => "\n]\n",
  };
}

/** Writes rows as JSON objects; the keys are escaped once. */
function objects(columns: readonly string[]): (row: ResultRow) => string {
  const keys = columns.map((name, at) => `${at === 0 ? "" : ","}${JSON.stringify(name)}:`);
  return (row) => {
    let text = "{";
    for (let at = 0; at < keys.length; at++) text += keys[at] + (JSON.stringify(row[at]) ?? "null");
    return `${text}}`;
  };
}
