import { EXPORT_PAGE_ROWS } from "../../shared/limits.ts";
import type { Database } from "../data/database.ts";
import { type ComparedRow, comparedPage } from "../data/history.ts";
import type { ResultRow } from "../tables/write/cell.ts";
import { encode, type Format } from "../tables/write/encode.ts";
import { prefetched } from "../tables/write/join.ts";

/** A job that takes part in a comparison; `rows` is the number of its last row. */
export type Run = { readonly id: string; readonly rows: number };

const COLUMNS = [
  "change",
  "email",
  "row",
  "before_status",
  "before_reason",
  "before_score",
  "after_status",
  "after_reason",
  "after_score",
] as const;

/**
 * What changed from one run of a list to another, per address: first the addresses of the later run in its order
 * (`same`, `changed`, `added`), then those that only the earlier one has (`removed`). Read by pages while it is sent.
 * @param all also addresses of which both say the same
 */
export function comparison(
  database: Database,
  tenantId: string,
  before: Run,
  after: Run,
  format: Format,
  all: boolean,
): ReadableStream<Uint8Array> {
  async function* rows(): AsyncGenerator<ResultRow[]> {
    for (let at = 0; at < after.rows; at += EXPORT_PAGE_ROWS) {
      const part = { after: at, upTo: at + EXPORT_PAGE_ROWS };
      const page = await comparedPage(database, tenantId, after.id, before.id, part, all ? "all" : "changed");
      yield page.map(later);
    }
    for (let at = 0; at < before.rows; at += EXPORT_PAGE_ROWS) {
      const part = { after: at, upTo: at + EXPORT_PAGE_ROWS };
      const page = await comparedPage(database, tenantId, before.id, after.id, part, "missing");
      yield page.map((row) => ["removed", row.email, row.row_no, row.status, row.reason, row.score, null, null, null]);
    }
  }
  return encode(format, COLUMNS, prefetched(rows()));
}

function later(row: ComparedRow): ResultRow {
  const { other_status: was, other_reason: why } = row;
  const same = was === row.status && why === row.reason;
  const change = was === null ? "added" : same ? "same" : "changed";
  return [change, row.email, row.row_no, was, why, row.other_score, row.status, row.reason, row.score];
}
