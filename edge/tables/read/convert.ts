import type { ByteSource } from "../source.ts";
import type { Dialect, RowBatch } from "../table.ts";
import { readRows } from "./rows.ts";

/** Whether a list can be entered in the middle; if not, it is converted once, before it is read in parts. */
export const isResumable = (dialect: Dialect): boolean => dialect.kind !== "xlsx" && !dialect.gzip;

/**
 * A list as NDJSON with one array of cells per row, and how to read that: the same rows with the same numbers, from
 * any place on. What goes wrong on the way breaks the stream with a ListRefused.
 */
export function convert(
  source: ByteSource,
  dialect: Dialect,
): { readonly stream: ReadableStream<Uint8Array>; readonly dialect: Dialect } {
  const { columns, column } = dialect;
  const batches = readRows(source, dialect);
  return {
    stream: linesOf(batches),
    dialect: { kind: "json", form: "lines", gzip: false, encoding: "utf-8", start: 0, columns, column, skip: 0 },
  };
}

function linesOf(batches: AsyncGenerator<RowBatch>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await batches.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value.rows.map(({ cells }) => `${JSON.stringify(cells)}\n`).join("")));
      },
      async cancel() {
        await batches.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
