import { EXPORT_PAGE_ROWS } from "../../shared/limits.ts";
import type { Database } from "../data/database.ts";
import { type ExportJob, readExportJob } from "../data/export.ts";
import type { IngestJob } from "../data/jobs.ts";
import { wantedPage } from "../data/reverify.ts";
import type { Env } from "../env.ts";
import { readRows } from "../tables/read/rows.ts";
import { objectSource } from "../tables/source.ts";
import { ListRefused } from "../tables/table.ts";
import { layOut, mergeJoin, prefetched, type VerdictRow } from "../tables/write/join.ts";
import { JSON_LINES, type Source } from "./source.ts";
import { createUpload } from "./upload.ts";

/**
 * Puts the list of a job together that verifies rows of an earlier one again: those rows with the customer's columns,
 * as NDJSON under `key`; the addresses alone when the earlier list is no longer there. A crash in between begins anew,
 * under the same name.
 * @throws ListRefused when the earlier job is gone
 */
export async function rebuildList(
  env: Env,
  database: Database,
  tenantId: string,
  key: string,
  job: Pick<IngestJob, "parent_id" | "options">,
): Promise<Source> {
  const { parent_id: parentId, options } = job;
  const parent = parentId === null ? null : await readExportJob(database, tenantId, parentId);
  if (parent === null || options.reverify === undefined) throw new ListRefused("empty", "The earlier job is gone.");
  const list = parent.dialect === null ? null : await objectSource(env.files, parent.sourceKey);
  const wanted = prefetched(pagesOf(database, tenantId, parent, options.reverify));
  const upload = createUpload(env.files, key);
  const encoder = new TextEncoder();
  const write = (lines: readonly unknown[]): Promise<void> =>
    upload.write(encoder.encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
  try {
    if (list === null || parent.dialect === null) {
      for await (const page of wanted) await write(page.map(({ values }) => values));
    } else {
      const layout = layOut(parent.dialect.columns, [], null);
      if (!layout.ok) throw new Error("all columns of a list are its own");
      const rows = rowsOnly(readRows(list, parent.dialect, undefined, EXPORT_PAGE_ROWS));
      const bare = blankValues(wanted);
      for await (const page of mergeJoin(rows, bare, layout.value, "skip")) await write(page);
    }
    await upload.finish();
  } catch (error) {
    await upload.abort();
    throw error;
  }
  const { columns, column } = (list === null ? null : parent.dialect) ?? JSON_LINES;
  return { key, dialect: { ...JSON_LINES, columns, column } };
}

async function* pagesOf(
  database: Database,
  tenantId: string,
  parent: ExportJob,
  rows: NonNullable<IngestJob["options"]["reverify"]>,
): AsyncGenerator<VerdictRow[]> {
  for (let after = 0; after < parent.staged; after += EXPORT_PAGE_ROWS) {
    const page = await wantedPage(database, tenantId, parent.id, rows, after, after + EXPORT_PAGE_ROWS);
    yield page.map((row) => ({ rowNo: Number(row.row_no), values: [String(row.email)] }));
  }
}

async function* rowsOnly(batches: ReturnType<typeof readRows>) {
  for await (const { rows } of batches) yield rows;
}

/** The rows that are wanted, with nothing of their own: the list has their cells. */
async function* blankValues(pages: AsyncIterable<readonly VerdictRow[]>): AsyncGenerator<VerdictRow[]> {
  for await (const page of pages) yield page.map(({ rowNo }) => ({ rowNo, values: [] }));
}
