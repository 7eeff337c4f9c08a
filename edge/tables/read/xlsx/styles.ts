import { NUMBER_FORMAT_MAX_CHARS, STYLES_MAX } from "../../limits.ts";
import { attribute, createXmlScanner } from "./xml.ts";

/** What a number means under a cell's style. */
export type NumberKind = "number" | "date" | "time";

/**
 * Which styles of a workbook show numbers as dates: the built-in formats (ECMA-376 part 1, 18.8.30) and own ones that
 * have letters of dates outside quotes.
 * @returns the kind by a cell's style number
 */
export function readStyles(xml: string | null): readonly NumberKind[] {
  const own = new Map<number, NumberKind>();
  const kinds: NumberKind[] = [];
  let inCellStyles = false;
  const scanner = createXmlScanner({
    open(name, tag) {
      if (name === "numFmt") own.set(Number(attribute(tag, "numFmtId")), kindOf(attribute(tag, "formatCode") ?? ""));
      else if (name === "cellXfs") inCellStyles = true;
      else if (name === "xf" && inCellStyles && kinds.length < STYLES_MAX) {
        const id = Number(attribute(tag, "numFmtId") ?? 0);
        kinds.push(own.get(id) ?? builtIn(id));
      }
    },
    close(name) {
      if (name === "cellXfs") inCellStyles = false;
    },
    text() {},
  });
  scanner.push(xml ?? "");
  return kinds;
}

function builtIn(id: number): NumberKind {
  if ((id >= 18 && id <= 21) || (id >= 45 && id <= 47) || id === 32 || id === 33) return "time";
  return (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58) ? "date" : "number";
}

function kindOf(format: string): NumberKind {
  const bare = format
    .slice(0, NUMBER_FORMAT_MAX_CHARS)
    .replace(/"[^"]*"|\\.|_.|\*./g, "")
    .replace(/\[(?![hms]+\])[^\]]*\]/gi, "");
  if (/[yd]/i.test(bare)) return "date";
  if (/[hs]/i.test(bare)) return "time";
  return /m/i.test(bare) ? "date" : "number";
}

const DAY_MS = 86_400_000;

/** A number of a sheet as text: plain, or as a date or time in ISO 8601. `v` is the text of the cell's value. */
export function numberText(v: string, kind: NumberKind, date1904: boolean): string {
  // Long numbers are identifiers: they keep their digits.
  if (kind === "number" && /^-?\d+$/.test(v)) return v;
  const value = Number(v);
  if (v.trim() === "" || !Number.isFinite(value)) return v;
  if (kind === "number") return String(value);
  // Serial numbers before 1 March 1900 are one day off, because Excel knows a 29 February 1900.
  const days = date1904 ? value + 1_462 : value < 60 ? value + 1 : value;
  if (days < 0 || days >= 2_958_466) return v;
  const ms = Math.round((days - 25_569) * 86_400) * 1_000;
  const iso = new Date(ms).toISOString();
  if (kind === "time" && value < 1) return iso.slice(11, 19);
  return ms % DAY_MS === 0 ? iso.slice(0, 10) : iso.slice(0, 19);
}
