import { err, type Result } from "../../shared/result.ts";
import type { StoredUpload } from "../data/uploads.ts";
import type { Env } from "../env.ts";
import { type Inspection, inspect, type Wishes } from "../tables/read/inspect.ts";
import { objectSource } from "../tables/source.ts";
import type { Dialect, Refusal } from "../tables/table.ts";
import { rowsAtMost } from "./upload.ts";

/** Looks at a stored list; a list that cannot be read is refused before a job exists. */
export async function look(files: Env["files"], key: string, wishes: Wishes): Promise<Result<Inspection, Refusal>> {
  const source = await objectSource(files, key);
  if (source === null) return err({ kind: "unreadable", detail: "The uploaded list is no longer there." });
  return inspect(source, wishes);
}

/** What a file turned out to be, in a word. */
const FORMATS = ["csv", "text", "json", "ndjson", "xlsx"] as const;

function formatOf(dialect: Dialect): (typeof FORMATS)[number] {
  if (dialect.kind === "csv") return dialect.delimiter === null ? "text" : "csv";
  if (dialect.kind === "json") return dialect.form === "array" ? "json" : "ndjson";
  return "xlsx";
}

/** What the owner of a list is shown before a job starts. */
export function presentPreview(upload: StoredUpload, found: Inspection) {
  const { dialect, header, alternatives, sheets, rows } = found;
  const { columns, column } = dialect;
  const text = dialect.kind === "xlsx" ? null : dialect;
  return {
    format: formatOf(dialect),
    gzip: text?.gzip ?? false,
    encoding: text?.encoding ?? null,
    delimiter: dialect.kind === "csv" ? dialect.delimiter : null,
    header,
    columns,
    email_column: columns[column] ?? "",
    email_column_number: column + 1,
    alternatives: alternatives.map((index) => columns[index] ?? ""),
    sheet: dialect.kind === "xlsx" ? dialect.sheet : null,
    sheets,
    rows,
    rows_at_most: guessOf(upload, dialect),
  };
}

/** About the most rows that the list can have. */
export const guessOf = (upload: StoredUpload, dialect: Dialect): number =>
  upload.rows_guess ?? rowsAtMost(dialect, upload.bytes, null);
