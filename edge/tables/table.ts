import { z } from "zod";

/** How text may be encoded; whatever is not UTF-8 is transcoded while it is read. */
export const ENCODINGS = ["utf-8", "utf-16le", "utf-16be", "windows-1252"] as const;
export type Encoding = (typeof ENCODINGS)[number];

const shape = {
  /** Names of all columns, unique, in order. */
  columns: z.array(z.string()).min(1),
  /** Index of the column that holds the addresses. */
  column: z.int().min(0),
  /** Records before the first row that are no rows: the header and what stands above it. */
  skip: z.int().min(0),
};
const text = {
  gzip: z.boolean(),
  encoding: z.enum(ENCODINGS),
  /** Bytes (after unpacking) before the first record: a byte order mark, Excel's `sep=` line. */
  start: z.int().min(0),
};

/** How a list is to be read: found out once, when it was uploaded, and stored with the job. */
export const dialect = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("csv"),
    ...text,
    /** Null when each record is one cell: plain lines. */
    delimiter: z.string().length(1).nullable(),
    /** What ends a record. */
    ends: z.array(z.string().min(1)).min(1),
    /** Whether quotes enclose cells (RFC 4180) or are characters like others. */
    quotes: z.boolean(),
    ...shape,
  }),
  z.object({
    kind: z.literal("json"),
    ...text,
    /** One array of values, or values one after the other (NDJSON). */
    form: z.enum(["array", "lines"]),
    /** Rows without any text are rows all the same: of a list that a program sent. */
    blanks: z.boolean().optional(),
    ...shape,
  }),
  z.object({ kind: z.literal("xlsx"), sheet: z.string(), ...shape }),
]);
export type Dialect = z.infer<typeof dialect>;
export type CsvDialect = Extract<Dialect, { kind: "csv" }>;
export type JsonDialect = Extract<Dialect, { kind: "json" }>;

/** One row of a list. `rowNo` counts rows from 1, without header and blank lines; `cells` has one cell per column. */
export type TableRow = { readonly rowNo: number; readonly email: string; readonly cells: readonly string[] };

/**
 * Where reading goes on: `rowNo` rows are read, the next record begins at byte `byteOffset` of the file, in line `line`
 * (from 1; of a workbook: the sheet's row). Files that cannot be entered in the middle are read again from their
 * beginning and the rows passed over.
 */
export const checkpoint = z.object({
  byteOffset: z.int().min(0),
  rowNo: z.int().min(0),
  line: z.int().min(1),
});
export type Checkpoint = z.infer<typeof checkpoint>;

/** Rows in order, and where to go on after them. */
export type RowBatch = { readonly rows: readonly TableRow[]; readonly next: Checkpoint };

/** Why a list is not taken; `detail` is one sentence for its owner. */
export type Refusal = {
  readonly kind:
    | "unreadable"
    | "unsupported"
    | "too_large"
    | "empty"
    | "no_address_column"
    | "no_such_column"
    | "no_such_sheet";
  readonly detail: string;
};

/** Thrown while a list is read, because a stream has no other way to say so. */
export class ListRefused extends Error {
  readonly refusal: Refusal;
  constructor(kind: Refusal["kind"], detail: string) {
    super(detail);
    this.refusal = { kind, detail };
  }
}
