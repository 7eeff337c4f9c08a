import { EXPORT_PAGE_ROWS } from "../../shared/limits.ts";
import type { Database } from "../data/database.ts";
import { exportPage, type RowFilter } from "../data/export.ts";
import type { JobView } from "../data/jobs.ts";
import type { ResultRow } from "../tables/write/cell.ts";
import { encode, type Format } from "../tables/write/encode.ts";
import { prefetched } from "../tables/write/join.ts";
import { resultColumns } from "./columns.ts";
import { lineOf } from "./export.ts";

/** Results of several jobs as one file, job after job, each row with its job. Rows without a verdict are left out. */
export function exportJobs(
  database: Database,
  tenantId: string,
  jobs: readonly JobView[],
  wanted: Pick<RowFilter, "statuses" | "reasons">,
  format: Format,
): ReadableStream<Uint8Array> {
  const columns = resultColumns(format, "standard", false);
  const filter: RowFilter = { ...wanted, flags: [], duplicates: "include", pending: "skip" };
  async function* rows(): AsyncGenerator<ResultRow[]> {
    for (const { id, name, staged_rows: staged } of jobs) {
      const job = { id, name, sourceKey: "", dialect: null, staged, shared: false, erased: true, over: true };
      for (let after = 0; after < staged; after += EXPORT_PAGE_ROWS) {
        const page = await exportPage(database, tenantId, job, after, after + EXPORT_PAGE_ROWS, filter);
        const lines = page.map(lineOf);
        yield lines.map((line) => [id, name, ...columns.map(([, value]) => value(line))]);
      }
    }
  }
  return encode(format, ["job_id", "job_name", ...columns.map(([column]) => column)], prefetched(rows()));
}
