import type { ResultRow } from "./cell.ts";
import { csvFormat, jsonFormat, ndjsonFormat, type TextFormat } from "./text.ts";
import { createWorkbookWriter, type WorkbookWriter } from "./xlsx.ts";

/** What results can be written as; `type` for Content-Type, `extension` for a file's name. */
export const FORMATS = {
  csv: { type: "text/csv; charset=utf-8; header=present", extension: "csv" },
  ndjson: { type: "application/x-ndjson", extension: "ndjson" },
  json: { type: "application/json", extension: "json" },
  xlsx: { type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", extension: "xlsx" },
} as const;
export type Format = keyof typeof FORMATS;

export type EncodeOptions = {
  /** CSV: begin with a byte order mark, for Excel. */
  readonly bom?: boolean;
  /** CSV: leave cells that begin a formula as they are. */
  readonly rawFormulas?: boolean;
  /** XLSX: rows of one sheet, header included. */
  readonly sheetMaxRows?: number;
};

/**
 * Rows as a file. The next batch is asked for when the reader wants more, and one batch is in memory; a reader that
 * goes away ends the rows' iterator. What the rows throw breaks the stream.
 * @param columns their names, each once, in the order of the values of a row
 */
export function encode(
  format: Format,
  columns: readonly string[],
  rows: AsyncIterable<readonly ResultRow[]>,
  options: EncodeOptions = {},
): ReadableStream<Uint8Array> {
  const writer = writerOf(format, options);
  const iterator = rows[Symbol.asyncIterator]();
  let begun = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // A pull has to yield something, or it is never repeated.
        let sent = false;
        const send = (parts: readonly Uint8Array[]): void => {
          for (const part of parts) {
            if (part.length === 0) continue;
            controller.enqueue(part);
            sent = true;
          }
        };
        if (!begun) send(writer.begin(columns));
        begun = true;
        while (!sent) {
          const { done, value } = await iterator.next();
          if (done) {
            send(writer.end());
            controller.close();
            return;
          }
          send(writer.rows(value));
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

function writerOf(format: Format, options: EncodeOptions): WorkbookWriter {
  switch (format) {
    case "csv":
      return inBytes(csvFormat(options.bom ?? false, options.rawFormulas ?? false));
    case "ndjson":
      return inBytes(ndjsonFormat());
    case "json":
      return inBytes(jsonFormat());
    case "xlsx":
      return createWorkbookWriter(options.sheetMaxRows);
  }
}

function inBytes(format: TextFormat): WorkbookWriter {
  const encoder = new TextEncoder();
  return {
    begin: (columns) => [encoder.encode(format.begin(columns))],
    rows: (rows) => [encoder.encode(format.rows(rows))],
    end: () => [encoder.encode(format.end())],
  };
}
