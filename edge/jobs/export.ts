import { EXPORT_PAGE_ROWS } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Database, Row } from "../data/database.ts";
import { type ExportJob, exportPage, type RowFilter, readExportJob } from "../data/export.ts";
import { verdictOf } from "../data/verdict-row.ts";
import type { Env } from "../env.ts";
import { readRows } from "../tables/read/rows.ts";
import { type ByteSource, objectSource } from "../tables/source.ts";
import type { TableRow } from "../tables/table.ts";
import { encode, type Format } from "../tables/write/encode.ts";
import { layOut, mergeJoin, prefetched, type VerdictRow } from "../tables/write/join.ts";
import { type Column, isNested, type Line, namedColumns, resultColumns, type Shape } from "./columns.ts";

export type ExportOptions = {
  readonly format: Format;
  readonly shape: Shape;
  readonly filter: RowFilter;
  /** Names of the columns to keep, in the order to keep them in; null for all. */
  readonly columns: readonly string[] | null;
  /** CSV: a byte order mark for Excel. */
  readonly bom: boolean;
};

/**
 * A job's results as a file: the customer's columns in the list's order, joined by row number with the verdicts, while
 * the job runs as well as after. The list is read from object storage and the verdicts by pages, one of which is asked
 * for while the one before is being written; nothing is read before the reader wants it.
 * @returns the file, or the first name of a column that there is none of
 */
export async function exportStream(
  files: Env["files"],
  database: Database,
  tenantId: string,
  found: ExportJob,
  options: ExportOptions,
): Promise<Result<ReadableStream<Uint8Array>, string>> {
  const { format, shape, columns: wanted, filter } = options;
  const { job, source } = await withSource(files, database, tenantId, found);
  const original = job.dialect?.columns ?? [];
  const address = job.dialect === null ? undefined : original[job.dialect.column];
  // To a program `Email` is another name; to a reader it is the same.
  const named = (isNested(format) ? address : address?.toLowerCase()) === "email";
  const all = wanted === null ? resultColumns(format, shape, named) : namedColumns(format, shape, named);
  const whole = layOut(original, namesOf(all), wanted, isNested(format));
  if (!whole.ok) return err(whole.error);
  // Values that nobody asked for are not made.
  const used = wanted === null ? all : all.filter((_, index) => whole.value.pick?.includes(original.length + index));
  const layout = layOut(original, namesOf(used), wanted, isNested(format));
  if (!layout.ok) return err(layout.error);
  const open = (row: TableRow): Line => ({
    row: row.rowNo,
    email: row.email,
    duplicateOf: null,
    verdict: null,
    over: job.over,
  });
  // Erased rows are in the list, and must not come back from there.
  const filtered = job.erased || isFiltered(filter);
  const rows = mergeJoin(
    listOf(source, database, tenantId, job, filter),
    prefetched(verdictRows(database, tenantId, job, used, filter)),
    layout.value,
    filtered ? "skip" : (row) => valuesOf(open(row), used),
  );
  return ok(encode(format, layout.value.columns, rows, { bom: options.bom }));
}

const namesOf = (columns: readonly Column[]): string[] => columns.map(([name]) => name);
const valuesOf = (line: Line, columns: readonly Column[]) => columns.map(([, value]) => value(line));

/** Whether rows are left out. */
const isFiltered = ({ statuses, reasons, flags, duplicates, pending }: RowFilter): boolean =>
  statuses.length + reasons.length + flags.length > 0 || duplicates !== "include" || pending === "skip";

/**
 * A job and its list. A list that is no longer where it was has been converted in the meantime, or is gone: then the
 * addresses are all that is left of its columns.
 */
async function withSource(
  files: Env["files"],
  database: Database,
  tenantId: string,
  job: ExportJob,
): Promise<{ readonly job: ExportJob; readonly source: ByteSource | null }> {
  if (job.dialect === null) return { job, source: null };
  const source = await objectSource(files, job.sourceKey);
  if (source !== null) return { job, source };
  const now = await readExportJob(database, tenantId, job.id);
  if (now !== null && now.sourceKey !== job.sourceKey) return withSource(files, database, tenantId, now);
  return { job: { ...job, dialect: null }, source: null };
}

/** The rows of the job's list; of a job without one, the rows that it was made with. */
async function* listOf(
  source: ByteSource | null,
  database: Database,
  tenantId: string,
  job: ExportJob,
  filter: RowFilter,
): AsyncGenerator<readonly TableRow[]> {
  if (job.dialect === null || source === null) {
    for await (const page of prefetched(pagesOf(database, tenantId, job, filter))) {
      yield page.map((row) => ({ rowNo: Number(row.row_no), email: String(row.email), cells: [] }));
    }
    return;
  }
  for await (const { rows } of readRows(source, job.dialect, undefined, EXPORT_PAGE_ROWS)) yield rows;
}

async function* pagesOf(
  database: Database,
  tenantId: string,
  job: ExportJob,
  filter: RowFilter,
): AsyncGenerator<Row[]> {
  for (let after = 0; after < job.staged; after += EXPORT_PAGE_ROWS) {
    yield await exportPage(database, tenantId, job, after, Math.min(job.staged, after + EXPORT_PAGE_ROWS), filter);
  }
}

async function* verdictRows(
  database: Database,
  tenantId: string,
  job: ExportJob,
  columns: readonly Column[],
  filter: RowFilter,
): AsyncGenerator<VerdictRow[]> {
  for await (const page of pagesOf(database, tenantId, job, filter)) {
    yield page.map((row) => ({ rowNo: Number(row.row_no), values: valuesOf(lineOf(row), columns) }));
  }
}

/** A row of an export page. */
export function lineOf(row: Row): Line {
  return {
    row: Number(row.row_no),
    email: String(row.email),
    duplicateOf: row.dup_of === null ? null : Number(row.dup_of),
    verdict: row.status === null ? null : verdictOf(row),
  };
}
