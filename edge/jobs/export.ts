import { EXPORT_PAGE_ROWS } from "../../shared/limits.ts";
import type { Verdict, VerdictFlags } from "../../shared/verdict/types.ts";
import type { Database, Row } from "../data/database.ts";
import { exportPage } from "../data/jobs.ts";
import { verdictOf } from "../data/verdict-row.ts";

export const EXPORT_FORMATS = ["csv", "ndjson"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: "text/csv; charset=utf-8",
  ndjson: "application/x-ndjson",
};

/**
 * Streams a job's rows in their order, while it runs as well as after. A page is read while the one before is being
 * sent, and none before the reader has asked: two pages are all that is in memory.
 */
export function exportStream(
  database: Database,
  tenantId: string,
  jobId: string,
  format: ExportFormat,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const write = format === "csv" ? csvLine : ndjsonLine;
  const page = (after: number): Promise<Row[]> => exportPage(database, tenantId, jobId, after, EXPORT_PAGE_ROWS);
  let next: Promise<Row[]> | null = null;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (format === "csv") controller.enqueue(encoder.encode(`${CSV_COLUMNS.join(",")}\r\n`));
      },
      async pull(controller) {
        const rows = await (next ?? page(0));
        const last = Number(rows.at(-1)?.row_no ?? 0);
        const more = rows.length === EXPORT_PAGE_ROWS;
        next = more ? page(last) : null;
        // Its failure is met by the pull that waits for it.
        next?.catch(() => undefined);
        let text = "";
        for (const row of rows) text += write(row);
        if (text !== "") controller.enqueue(encoder.encode(text));
        if (!more) controller.close();
      },
    },
    { highWaterMark: 1 },
  );
}

/** A row that is still open says so: `provisional`, with the reason that nothing is known yet. */
const OPEN = { status: "unknown", reason: "not_checked" } as const;

const duplicateOf = (row: Row): number | null => (row.dup_of === null ? null : Number(row.dup_of));

function ndjsonLine(row: Row): string {
  const open = row.status === null;
  const known = open ? { email: row.email, ...OPEN } : verdictOf(row);
  return `${JSON.stringify({ row: row.row_no, ...known, duplicate_of: duplicateOf(row), provisional: open })}\n`;
}

const CSV_COLUMNS = [
  "row",
  "email",
  "status",
  "reason",
  "score",
  "rating",
  "safe_to_send",
  "disposable",
  "role",
  "free",
  "catch_all",
  "did_you_mean",
  "mx",
  "provider",
  "duplicate_of",
  "checked_at",
  "provisional",
] as const;

/** Reads the stored fields as they are: making a whole verdict of each row costs more than its line. */
function csvLine(row: Row): string {
  const start = `${Number(row.row_no)},${csvCell(String(row.email))},`;
  const end = `${duplicateOf(row) ?? ""},`;
  if (row.status === null) return `${start}${OPEN.status},${OPEN.reason},,,,,,,,,,,${end},true\r\n`;
  const detail: Partial<Verdict> = row.detail ?? {};
  const flags: Partial<VerdictFlags> = detail.flags ?? {};
  const verdict = `${row.status},${row.reason},${row.score},${detail.rating ?? ""},${detail.safe_to_send === true}`;
  const lists = `${flags.disposable === true},${flags.role === true},${flags.free === true},${flags.catch_all ?? "unknown"}`;
  const hosts = `${cellOr(detail.did_you_mean)},${cellOr(detail.mx)},${cellOr(detail.provider)}`;
  const at = row.checked_at instanceof Date ? row.checked_at.toISOString() : String(row.checked_at);
  return `${start}${verdict},${lists},${hosts},${end}${at},false\r\n`;
}

const cellOr = (text: string | null | undefined): string => (text === null || text === undefined ? "" : csvCell(text));

/**
 * A cell of a CSV file (RFC 4180). One that a spreadsheet would take for a formula begins with an apostrophe, which
 * shows it as text: a list is often opened by somebody else than the one who was given it.
 */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
