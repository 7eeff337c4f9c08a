import { WORKBOOK_PART_MAX_BYTES } from "../../limits.ts";
import type { ByteSource } from "../../source.ts";
import { ListRefused } from "../../table.ts";
import { type NumberKind, readStyles } from "./styles.ts";
import { attribute, createXmlScanner } from "./xml.ts";
import { type Archive, findEntry, openArchive, readText } from "./zip.ts";

/** A workbook with its sheets in the order of their tabs. */
export type Workbook = {
  readonly archive: Archive;
  readonly sheets: readonly Sheet[];
  readonly styles: readonly NumberKind[];
  /** Path of the shared strings. */
  readonly strings: string;
  /** Whether days are counted from 1904, as on old Macs. */
  readonly date1904: boolean;
};
export type Sheet = { readonly name: string; readonly path: string; readonly hidden: boolean };

const ROOT = "xl/workbook.xml";

/** What archives that are no workbook have in them, and how to say so. */
const OTHERS: readonly (readonly [path: string, what: string])[] = [
  ["xl/workbook.bin", "The file is a binary Excel workbook (.xlsb); save it as .xlsx or CSV."],
  ["word/document.xml", "The file is a Word document; upload the list as .xlsx, CSV or text."],
  ["ppt/presentation.xml", "The file is a presentation; upload the list as .xlsx, CSV or text."],
  ["content.xml", "The file is an OpenDocument file; save the sheet as .xlsx or CSV."],
  ["index/document.iwa", "The file is a Numbers document; export it as .xlsx or CSV."],
];

/**
 * Opens a workbook (Office Open XML, ECMA-376) without reading its sheets.
 * @throws ListRefused when the archive is none
 */
export async function openWorkbook(source: ByteSource): Promise<Workbook> {
  const archive = await openArchive(source);
  const xml = await readText(archive, ROOT, WORKBOOK_PART_MAX_BYTES);
  if (xml === null) {
    const other = OTHERS.find(([path]) => findEntry(archive, path) !== null);
    const detail = other?.[1] ?? "The file is a zip archive without a workbook in it; upload the list itself.";
    throw new ListRefused("unsupported", detail);
  }
  const targets = relations(await readText(archive, "xl/_rels/workbook.xml.rels", WORKBOOK_PART_MAX_BYTES));
  const sheets: Sheet[] = [];
  let date1904 = false;
  const scanner = createXmlScanner({
    open(name, tag) {
      if (name === "workbookPr") date1904 = /^(1|true)$/.test(attribute(tag, "date1904") ?? "");
      if (name !== "sheet") return;
      const target = targets.byId.get(attribute(tag, "id") ?? "");
      // Charts and macro sheets have tabs, too.
      if (target === undefined || !target.type.endsWith("/worksheet")) return;
      const hidden = (attribute(tag, "state") ?? "visible") !== "visible";
      sheets.push({ name: attribute(tag, "name") ?? `Sheet ${sheets.length + 1}`, path: target.path, hidden });
    },
    close() {},
    text() {},
  });
  scanner.push(xml);
  if (sheets.length === 0) throw new ListRefused("empty", "The workbook has no sheet with cells.");
  const styles = readStyles(
    await readText(archive, targets.path("/styles") ?? "xl/styles.xml", WORKBOOK_PART_MAX_BYTES),
  );
  return { archive, sheets, styles, strings: targets.path("/sharedStrings") ?? "xl/sharedStrings.xml", date1904 };
}

type Target = { readonly path: string; readonly type: string };

function relations(xml: string | null): {
  readonly byId: ReadonlyMap<string, Target>;
  /** The path of the first part whose type ends so. */
  path(type: string): string | null;
} {
  const byId = new Map<string, Target>();
  const scanner = createXmlScanner({
    open(name, tag) {
      // What lies outside the archive is never followed.
      if (name !== "Relationship" || attribute(tag, "TargetMode") === "External") return;
      const target = attribute(tag, "Target") ?? "";
      const path = target.startsWith("/") ? target.slice(1) : `xl/${target.replace(/^\.\//, "")}`;
      byId.set(attribute(tag, "Id") ?? "", { path, type: attribute(tag, "Type") ?? "" });
    },
    close() {},
    text() {},
  });
  scanner.push(xml ?? "");
  const path = (type: string): string | null => [...byId.values()].find((one) => one.type.endsWith(type))?.path ?? null;
  return { byId, path };
}

/**
 * A sheet by its name, whatever the case.
 * @throws ListRefused when there is none, naming those that there are
 */
export function sheetNamed(workbook: Workbook, name: string): Sheet {
  const wanted = name.trim().toLowerCase();
  const sheet = workbook.sheets.find((one) => one.name.trim().toLowerCase() === wanted);
  if (sheet !== undefined) return sheet;
  const names = workbook.sheets.slice(0, 20).map((one) => `"${one.name}"`);
  throw new ListRefused(
    "no_such_sheet",
    `There is no sheet "${name.slice(0, 100)}"; the workbook has ${names.join(", ")}.`,
  );
}
