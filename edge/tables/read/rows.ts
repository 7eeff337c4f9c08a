import { BATCH_MAX_BYTES, BATCH_ROWS, CELL_MAX_CHARS, COLUMNS_MAX, PIECE_BYTES, ROWS_MAX } from "../limits.ts";
import { type ByteSource, chunksOf, piecesOf } from "../source.ts";
import { type Checkpoint, type Dialect, ListRefused, type RowBatch, type TableRow } from "../table.ts";
import { createCsvReader, type RecordReader } from "./csv.ts";
import { createTranscoder, type Transcoder } from "./encoding.ts";
import { gunzip } from "./inflate.ts";
import { cellsOf, createJsonReader } from "./json.ts";
import { isBlank } from "./split.ts";
import { readSheet } from "./xlsx/sheet.ts";
import { readSharedStrings } from "./xlsx/strings.ts";
import { openWorkbook, sheetNamed } from "./xlsx/workbook.ts";

/** Where reading a list begins. */
export const firstCheckpoint = (dialect: Dialect): Checkpoint => ({
  byteOffset: dialect.kind === "xlsx" ? 0 : dialect.start,
  rowNo: 0,
  line: 1,
});

/**
 * The rows of a list from a checkpoint on, in batches of `batchRows` (fewer when rows are long). Where the bytes were
 * cut on their way changes nothing. Blank records are no rows; missing cells are empty, surplus ones are dropped.
 * @throws ListRefused when the list cannot be read on; batches before stand
 */
export async function* readRows(
  source: ByteSource,
  dialect: Dialect,
  from: Checkpoint = firstCheckpoint(dialect),
  batchRows = BATCH_ROWS,
): AsyncGenerator<RowBatch> {
  if (dialect.kind === "xlsx") yield* workbookRows(source, dialect, from, batchRows);
  else yield* textRows(source, dialect, from, batchRows);
}

async function* textRows(
  source: ByteSource,
  dialect: Exclude<Dialect, { kind: "xlsx" }>,
  from: Checkpoint,
  batchRows: number,
): AsyncGenerator<RowBatch> {
  // What is packed has to be unpacked from its beginning.
  const start = dialect.gzip ? firstCheckpoint(dialect) : from;
  const bytes = chunksOf(await source.read(dialect.gzip ? 0 : start.byteOffset, source.size));
  const chunks = dialect.gzip ? without(gunzip(bytes), dialect.start) : bytes;
  const transcoder = createTranscoder(dialect.encoding);
  const offset = dialect.gzip
    ? () => from.byteOffset
    : (end: number) => start.byteOffset + transcoder.originalOffset(end);
  const collector = createCollector(dialect, start, from.rowNo, batchRows, offset);
  const reader = recordReader(dialect, start, collector.add);
  yield* read(piecesOf(chunks, PIECE_BYTES), transcoder, reader, collector);
}

async function* read(
  pieces: AsyncIterable<Uint8Array>,
  transcoder: Transcoder,
  reader: RecordReader,
  collector: Collector,
): AsyncGenerator<RowBatch> {
  let any = false;
  const feed = async (text: Uint8Array): Promise<void> => {
    if (text.length === 0) return;
    any = true;
    const zero = text.indexOf(0);
    if (zero >= 0) {
      await reader.push(text.subarray(0, zero));
      const where = `after ${collector.place()}`;
      throw new ListRefused("unreadable", `There is a zero byte ${where}; the file is damaged or no text.`);
    }
    await reader.push(text);
  };
  for await (const piece of pieces) {
    await feed(transcoder.push(piece));
    yield* collector.full();
  }
  await feed(transcoder.finish());
  if (any) await reader.finish();
  yield* collector.rest();
}

function recordReader(dialect: Exclude<Dialect, { kind: "xlsx" }>, start: Checkpoint, add: Add): RecordReader {
  if (dialect.kind === "csv") return createCsvReader(dialect, start.line, add);
  const begun = start.byteOffset > dialect.start;
  return createJsonReader(dialect.form, begun, start.line, (value, end, line) =>
    add(cellsOf(value, dialect.columns, dialect.column), end, line),
  );
}

async function* workbookRows(
  source: ByteSource,
  dialect: Extract<Dialect, { kind: "xlsx" }>,
  from: Checkpoint,
  batchRows: number,
): AsyncGenerator<RowBatch> {
  const workbook = await openWorkbook(source);
  const strings = await readSharedStrings(workbook.archive, workbook.strings);
  const collector = createCollector(dialect, firstCheckpoint(dialect), from.rowNo, batchRows, () => 0);
  let size = 0;
  for await (const rows of readSheet(workbook, sheetNamed(workbook, dialect.sheet), strings)) {
    for (const { cells, number } of rows) {
      // What the cells take stands for bytes, so that a batch of wide rows ends in time.
      size += cells.reduce((sum, cell) => sum + cell.length, cells.length);
      collector.add(cells, size, number - 1);
    }
    yield* collector.full();
  }
  yield* collector.rest();
}

type Add = (cells: string[], end: number, line: number) => void;

/** Turns records into rows and rows into batches. */
type Collector = {
  add: Add;
  /** The batches that are full. */
  full(): Generator<RowBatch>;
  /** These and what is left. */
  rest(): Generator<RowBatch>;
  /** The last line read, in words. */
  place(): string;
};

type Pending = TableRow & { readonly end: number; readonly line: number };

function createCollector(
  dialect: Dialect,
  start: Checkpoint,
  passOver: number,
  batchRows: number,
  offset: (end: number) => number,
): Collector {
  const { columns, column } = dialect;
  const unit = dialect.kind === "xlsx" ? "row" : "line";
  // The next record of CSV begins on a new line, that of JSON may begin on the same one.
  const lineAfter = dialect.kind === "json" ? 0 : 1;
  const plain = dialect.kind === "csv" && !dialect.quotes;
  const blanks = dialect.kind === "json" && dialect.blanks === true;
  let pending: Pending[] = [];
  let skip = start.rowNo === 0 ? dialect.skip : 0;
  let rowNo = start.rowNo;
  let line = start.line;
  let bytesFrom = 0;

  const add: Add = (cells, end, recordLine) => {
    line = start.line + recordLine;
    unmark(cells);
    if (!blanks && isBlank(cells)) return;
    checkSize(cells, unit, line);
    if (skip > 0) {
      skip--;
      return;
    }
    rowNo++;
    if (rowNo > ROWS_MAX) throw new ListRefused("too_large", `The list has more than ${ROWS_MAX} rows; split it.`);
    if (rowNo <= passOver) return;
    while (cells.length < columns.length) cells.push("");
    if (cells.length > columns.length) cells.length = columns.length;
    const email = (cells[column] ?? "").trim();
    pending.push({ rowNo, email: plain ? unquoted(email) : email, cells, end, line });
  };

  const batch = (count: number): RowBatch => {
    const rows = pending.slice(0, count);
    pending = pending.slice(count);
    const last = rows.at(-1);
    bytesFrom = last?.end ?? bytesFrom;
    const next = { byteOffset: offset(bytesFrom), rowNo: last?.rowNo ?? rowNo, line: (last?.line ?? line) + lineAfter };
    return { rows, next };
  };

  return {
    add,
    *full() {
      while (pending.length >= batchRows) yield batch(batchRows);
      if (pending.length > 0 && (pending.at(-1)?.end ?? 0) - bytesFrom > BATCH_MAX_BYTES) yield batch(pending.length);
    },
    *rest() {
      while (pending.length > 0) yield batch(Math.min(batchRows, pending.length));
    },
    place: () => `${unit} ${line}`,
  };
}

/** Takes away a byte order mark that got in between when files were put together, and quotes that it hid. */
function unmark(cells: string[]): void {
  const [first = ""] = cells;
  if (first.charCodeAt(0) === 0xfeff) cells[0] = unquoted(first.slice(1));
}

const unquoted = (cell: string): string =>
  cell.length > 1 && cell.startsWith('"') && cell.endsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;

function checkSize(cells: readonly string[], unit: string, line: number): void {
  const where = `${unit === "row" ? "Row" : "Line"} ${line}`;
  if (cells.length > COLUMNS_MAX) {
    throw new ListRefused("too_large", `${where} has ${cells.length} cells; at most ${COLUMNS_MAX} are taken.`);
  }
  for (const cell of cells) {
    if (cell.length > CELL_MAX_CHARS) {
      throw new ListRefused("too_large", `${where} has a cell of more than ${CELL_MAX_CHARS} characters.`);
    }
  }
}

/** Chunks without the first `count` bytes. */
async function* without(chunks: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
