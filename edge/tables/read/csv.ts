import { parse } from "csv-parse/stream";
import { RECORD_MAX_BYTES } from "../limits.ts";
import { type CsvDialect, ListRefused } from "../table.ts";

/** Called for each record: its cells, the bytes of text up to its end, and the line of its end (from 0). */
export type OnRecord = (cells: string[], end: number, line: number) => void;

/** Reads records from UTF-8 text that comes in pieces; calls back while a piece is being pushed. */
export type RecordReader = { push(piece: Uint8Array): Promise<void>; finish(): Promise<void> };

/** In plain lines nothing parts cells; text with this character in it is refused before. */
const NO_DELIMITER = "\0";

/**
 * Records of CSV text. Ragged records and stray quotes are data, not faults; lines without any character are passed
 * over. What `onRecord` throws comes out of `push`.
 * @throws ListRefused when a record does not end within RECORD_MAX_BYTES or a quote is never closed
 */
export function createCsvReader(
  how: Pick<CsvDialect, "delimiter" | "ends" | "quotes">,
  firstLine: number,
  onRecord: OnRecord,
): RecordReader {
  let line = 0;
  const { writable } = parse({
    delimiter: how.delimiter ?? NO_DELIMITER,
    record_delimiter: how.ends,
    ...(how.quotes ? {} : { quote: null, escape: null }),
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: RECORD_MAX_BYTES,
    on_record(record, { bytes, lines }) {
      line = lines;
      onRecord(record, bytes, lines - 1);
      return null;
    },
  });
  const writer = writable.getWriter();
  // Its rejection is the one that write() and close() give.
  writer.closed.catch(() => undefined);
  const refuse = (error: unknown): never => {
    throw refusalOf(error, firstLine + line);
  };
  return {
    push: (piece) => writer.write(piece).catch(refuse),
    finish: () => writer.close().catch(refuse),
  };
}

function refusalOf(error: unknown, line: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "CSV_QUOTE_NOT_CLOSED") {
    return new ListRefused("unreadable", `A quote that is opened near line ${line} is never closed.`);
  }
  if (code === "CSV_MAX_RECORD_SIZE") {
    const detail = `The record near line ${line} is longer than ${RECORD_MAX_BYTES} bytes, or a quote in it is never closed.`;
    return new ListRefused("unreadable", detail);
  }
  return error;
}
