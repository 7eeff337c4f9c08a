import { EXPORT_PAGE_ROWS } from "../../shared/limits.ts";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { Database, Row } from "../data/database.ts";
import { exportPage } from "../data/jobs.ts";
import { verdictOf } from "../data/verdict-row.ts";

export const EXPORT_FORMATS = ["csv", "ndjson"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: "text/csv; charset=utf-8",
  ndjson: "application/x-ndjson",
};

type Line = {
  readonly row: number;
  readonly email: string;
  /** Row that this one repeats. */
  readonly duplicateOf: number | null;
  /** Null while the row is open. */
  readonly verdict: Verdict | null;
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
        for (const row of rows) text += write(lineOf(row));
        if (text !== "") controller.enqueue(encoder.encode(text));
        if (!more) controller.close();
      },
    },
    { highWaterMark: 1 },
  );
}

function lineOf(row: Row): Line {
  return {
    row: Number(row.row_no),
    email: String(row.email),
    duplicateOf: row.dup_of === null ? null : Number(row.dup_of),
    verdict: row.status === null ? null : verdictOf(row),
  };
}

/** A row that is still open says so: `provisional`, with the reason that nothing is known yet. */
const OPEN = { status: "unknown", reason: "not_checked" } as const;

function ndjsonLine({ row, email, duplicateOf, verdict }: Line): string {
  const known = verdict === null ? { email, ...OPEN } : { ...verdict, email };
  return `${JSON.stringify({ row, ...known, duplicate_of: duplicateOf, provisional: verdict === null })}\n`;
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

function csvLine({ row, email, duplicateOf, verdict }: Line): string {
  const start = `${row},${csvCell(email)},`;
  const end = `${duplicateOf ?? ""},`;
  if (verdict === null) return `${start}${OPEN.status},${OPEN.reason},,,,,,,,,,,${end},true\r\n`;
  const { status, reason, score, rating, safe_to_send: safe, flags, mx, provider } = verdict;
  const lists = `${flags.disposable},${flags.role},${flags.free},${flags.catch_all}`;
  const hosts = `${csvCell(verdict.did_you_mean ?? "")},${csvCell(mx ?? "")},${csvCell(provider ?? "")}`;
  return `${start}${status},${reason},${score},${rating},${safe},${lists},${hosts},${end}${verdict.checked_at},false\r\n`;
}

/**
 * A cell of a CSV file (RFC 4180). One that a spreadsheet would take for a formula begins with an apostrophe, which
 * shows it as text: a list is often opened by somebody else than the one who was given it.
 */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
