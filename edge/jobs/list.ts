import { parse } from "csv-parse/stream";
import { z } from "zod";
import { CSV_RECORD_MAX_BYTES } from "../limits.ts";

/** How the text of a list is written; whatever is not UTF-8 is transcoded on the way in. */
const ENCODINGS = ["utf-8", "utf-16le", "utf-16be", "windows-1252"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** How to read a list, found out when it was uploaded and stored with the job. */
export const listFormat = z.discriminatedUnion("kind", [
  /** One JSON text per line. */
  z.object({ kind: z.literal("json") }),
  z.object({
    kind: z.literal("csv"),
    encoding: z.enum(ENCODINGS),
    delimiter: z.string().length(1),
    /** The first record names the columns. */
    header: z.boolean(),
    /** Index of the column that holds the addresses. */
    column: z.int().min(0),
  }),
]);
export type ListFormat = z.infer<typeof listFormat>;

/** One address of a list. `end`: bytes of the (transcoded) list up to the end of its record. */
export type ListRow = { readonly email: string; readonly end: number };

/** Reads a list piece by piece. What `push` returns are the rows that the bytes so far complete. */
export type ListReader = {
  push(chunk: Uint8Array): Promise<ListRow[]>;
  finish(): Promise<ListRow[]>;
};

/** A list that cannot be read to its end; the message is for its owner. */
export class BrokenList extends Error {}

/** A reader that goes on at byte `offset` of the (transcoded) list; 0 is the beginning. */
export function createListReader(format: ListFormat, offset: number): ListReader {
  return format.kind === "json" ? jsonLines(offset) : csvRecords(format, offset);
}

/** Options under which every list is parsed: ragged records and stray quotes are data, not faults. */
export const csvOptions = (delimiter: string) => ({
  delimiter,
  record_delimiter: ["\r\n", "\n", "\r"],
  relax_column_count: true,
  relax_quotes: true,
  skip_empty_lines: true,
  max_record_size: CSV_RECORD_MAX_BYTES,
});

function csvRecords(format: Extract<ListFormat, { kind: "csv" }>, offset: number): ListReader {
  let rows: ListRow[] = [];
  let skip = offset === 0 && format.header;
  let lines = 0;
  const { writable } = parse({
    ...csvOptions(format.delimiter),
    bom: offset === 0,
    on_record(record, context) {
      lines = context.lines;
      if (skip) skip = false;
      else rows.push({ email: record[format.column] ?? "", end: offset + context.bytes });
      return null;
    },
  });
  const writer = writable.getWriter();
  // Its rejection is the one that write() and close() give.
  writer.closed.catch(() => undefined);
  const taken = (): ListRow[] => {
    const out = rows;
    rows = [];
    return out;
  };
  // Lines are counted from `offset`, so they can be named only from the beginning.
  const broken = (error: unknown): never => {
    throw brokenList(error, offset === 0 ? ` after line ${lines}` : "");
  };
  return {
    async push(chunk) {
      await writer.write(chunk).catch(broken);
      return taken();
    },
    async finish() {
      await writer.close().catch(broken);
      return taken();
    },
  };
}

function brokenList(error: unknown, where: string): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "CSV_QUOTE_NOT_CLOSED" || code === "CSV_MAX_RECORD_SIZE") {
    return new BrokenList(`A quoted field${where} is never closed.`);
  }
  return code.startsWith("CSV_") ? new BrokenList(`The file cannot be read as CSV${where}.`) : error;
}

const NEWLINE = 10;

function jsonLines(offset: number): ListReader {
  let held = new Uint8Array();
  let at = offset;
  const decoder = new TextDecoder();
  return {
    async push(chunk) {
      const rows: ListRow[] = [];
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        const line = held.length === 0 ? chunk.subarray(from, end) : concat(held, chunk.subarray(from, end));
        held = new Uint8Array();
        at += line.length + 1;
        rows.push({ email: String(JSON.parse(decoder.decode(line))), end: at });
        from = end + 1;
      }
      held = concat(held, chunk.subarray(from));
      return rows;
    },
    finish: async () => [],
  };
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
