import { parse } from "csv-parse";
import { parseAddress } from "../../shared/address/parse.ts";
import { CLI_LINE_MAX_CHARS } from "../limits.ts";

export const INPUT_KINDS = ["lines", "csv", "ndjson"] as const;
export type InputKind = (typeof INPUT_KINDS)[number];

/** Input that cannot be understood; its message is one line for the person at the terminal. */
export class BadInput extends Error {}

/** Addresses in groups of at most `size`, in input order, as the stream delivers them. Throws `BadInput`. */
export function readBatches(
  source: AsyncIterable<Buffer | string>,
  kind: InputKind,
  size: number,
): AsyncGenerator<string[]> {
  switch (kind) {
    case "lines":
      return batched(lines(source), size);
    case "ndjson":
      return batched(ndjson(lines(source)), size);
    case "csv":
      return csv(source, size);
  }
}

async function* batched(groups: AsyncGenerator<string[]>, size: number): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const group of groups) {
    for (const line of group) {
      batch.push(line);
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
    // What has come so far is answered now: a person typing at a terminal waits for each line.
    if (batch.length === 0) continue;
    yield batch;
    batch = [];
  }
}

/** Complete lines of each piece that arrives. A final line needs no end; a line beyond the bound is cut. */
async function* lines(source: AsyncIterable<Buffer | string>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of source) {
    const text = rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }));
    const found = text.split("\n");
    rest = found.pop() ?? "";
    if (rest.length > CLI_LINE_MAX_CHARS) rest = rest.slice(0, CLI_LINE_MAX_CHARS);
    if (found.length > 0) yield found.map(withoutReturn);
  }
  rest += decoder.decode();
  if (rest !== "") yield [withoutReturn(rest)];
}

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

async function* ndjson(groups: AsyncGenerator<string[]>): AsyncGenerator<string[]> {
  let number = 0;
  for await (const group of groups) {
    const emails: string[] = [];
    for (const line of group) {
      number += 1;
      if (line.trim() !== "") emails.push(emailOf(line, number));
    }
    yield emails;
  }
}

function emailOf(line: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new BadInput(`line ${number} is not JSON`);
  }
  if (typeof value === "object" && value !== null && "email" in value && typeof value.email === "string") {
    return value.email;
  }
  throw new BadInput(`line ${number} has no "email" text field`);
}

/** Rows looked at to find the column of addresses. */
const SAMPLE_ROWS = 100;
const HEADER =
  /^(?:e[-_ ]?mails?|mail|(?:e[-_ ]?)?mail[-_ ]?(?:address|addr|id)|correo(?: electr[oó]nico)?|courriel|adresse[-_ ]?(?:e[-_ ]?)?mail|(?:e-?)?mail-?adresse|邮箱|メール(?:アドレス)?|почта)$/i;

async function* csv(source: AsyncIterable<Buffer | string>, size: number): AsyncGenerator<string[]> {
  const parser = parse({
    bom: true,
    delimiter: [",", ";", "\t", "|"],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: CLI_LINE_MAX_CHARS,
  });
  const pumping = pump(source, parser);
  let column = -1;
  let sample: string[][] = [];
  let batch: string[] = [];
  try {
    for await (const record of parser) {
      const row: string[] = Array.isArray(record) ? record.map(String) : [];
      if (column < 0) {
        sample.push(row);
        if (sample.length < SAMPLE_ROWS) continue;
        column = columnOf(sample);
        batch = cellsOf(sample, column);
        sample = [];
      } else batch.push(row[column] ?? "");
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (error instanceof BadInput) throw error;
    throw new BadInput(`not readable as CSV: ${error instanceof Error ? error.message : String(error)}`);
  }
  await pumping;
  if (column < 0 && sample.length > 0) batch = cellsOf(sample, columnOf(sample));
  if (batch.length > 0) yield batch;
}

/** Feeds the parser with back-pressure. A NUL byte means that this is no text at all. */
async function pump(source: AsyncIterable<Buffer | string>, parser: ReturnType<typeof parse>): Promise<void> {
  try {
    for await (const chunk of source) {
      if (chunk.includes("\0")) throw new BadInput("not a text file");
      if (!parser.write(chunk)) await new Promise((resolve) => parser.once("drain", resolve));
    }
    parser.end();
  } catch (error) {
    parser.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** The column headed like one of addresses, else the one whose cells mostly are addresses. */
function columnOf(sample: readonly string[][]): number {
  const header = sample[0] ?? [];
  const named = header.findIndex((cell) => HEADER.test(cell.trim()));
  if (named >= 0) return named;
  const width = Math.max(0, ...sample.map((row) => row.length));
  let best = -1;
  let most = 0;
  for (let column = 0; column < width; column += 1) {
    const count = sample.filter((row) => isAddress(row[column])).length;
    if (count > most) {
      most = count;
      best = column;
    }
  }
  if (best < 0) throw new BadInput("no column with mail addresses");
  return best;
}

const isAddress = (cell: string | undefined): boolean => cell?.includes("@") === true && parseAddress(cell).ok;

/** The first row is a header when its cell in this column has no at sign. */
function cellsOf(sample: readonly string[][], column: number): string[] {
  const rows = sample[0]?.[column]?.includes("@") ? sample : sample.slice(1);
  return rows.map((row) => row[column] ?? "");
}
