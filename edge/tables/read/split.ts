import { SAMPLE_ROWS } from "../limits.ts";
import { type CsvDialect, ListRefused } from "../table.ts";
import { looksLikeAddress } from "./column.ts";
import { createCsvReader } from "./csv.ts";

const DELIMITERS = [",", ";", "\t", "|"] as const;

/** How text is cut into records and cells, with the first records that this gives (none of them blank). */
export type Split = Pick<CsvDialect, "delimiter" | "ends" | "quotes"> & {
  readonly records: readonly (readonly string[])[];
};

/**
 * Finds out how UTF-8 text is cut: the delimiter that gives even records with addresses as whole cells, or none for
 * plain lines; the line ends that it has.
 * @param head the beginning of the text
 * @param whole whether that is all of it
 * @param wanted the delimiter, when the caller knows it
 * @throws ListRefused when no way of cutting it gives a record
 */
export async function findSplit(head: Uint8Array, whole: boolean, wanted: string | null): Promise<Split> {
  const ends = lineEnds(head);
  const tried = await Promise.all(
    (wanted === null ? DELIMITERS : [wanted]).map((one) => sample(head, whole, one, ends, true)),
  );
  if (wanted !== null) return readable(tried);
  const blank = tried.find((one) => one.failure === null && one.records.length === 0);
  if (whole && blank !== undefined) return blank;
  const [best, ...others] = tried.filter((one) => one.records.length > 0).sort((a, b) => score(b) - score(a));
  const pasted = [best, ...others].find((one) => one !== undefined && isOneLine(one));
  if (pasted !== undefined) return flattened(head, whole, pasted.delimiter);
  if (best !== undefined && score(best) >= 0.5) return readable([best]);
  if (hasQuotedLine(head, ends)) return readable(tried.slice(0, 1));
  const lines = await sample(head, whole, null, ends, false);
  if (whole || lines.records.length > 0) return lines;
  const flat = await endlessLine(head);
  if (flat !== null) return flat;
  throw new ListRefused("unreadable", `The first line does not end within ${head.length} bytes; the file is no list.`);
}

type Sampled = Split & { readonly failure: ListRefused | null };

async function sample(
  head: Uint8Array,
  whole: boolean,
  delimiter: string | null,
  ends: string[],
  quotes: boolean,
): Promise<Sampled> {
  const records: string[][] = [];
  let failure: ListRefused | null = null;
  const reader = createCsvReader({ delimiter, ends, quotes }, 1, (cells) => {
    if (records.length < SAMPLE_ROWS && !isBlank(cells)) records.push(cells);
  });
  try {
    await reader.push(head);
    if (whole) await reader.finish();
  } catch (error) {
    if (!(error instanceof ListRefused)) throw error;
    failure = error;
  }
  return { delimiter, ends, quotes, records, failure };
}

/** The first way that worked; else why the first did not. */
function readable(tried: readonly Sampled[]): Split {
  const [first] = tried;
  const good = tried.find((one) => one.failure === null) ?? first;
  if (good === undefined) throw new Error("nothing was tried");
  if (good.failure !== null) throw good.failure;
  return good;
}

/** Whether a record is no row: all cells are blank, or it is the end mark of old DOS files (Ctrl-Z). */
export const isBlank = (cells: readonly string[]): boolean =>
  cells.every((cell) => cell.trim() === "") || (cells.length === 1 && cells[0] === "\x1a");

/** How well a delimiter fits, up to 2: the share of records as wide as most are, and of cells that are addresses. */
function score({ records }: Split): number {
  const widths = new Map<number, number>();
  for (const { length } of records) widths.set(length, (widths.get(length) ?? 0) + 1);
  const [width, count] = [...widths].reduce((most, one) => (one[1] > most[1] ? one : most), [0, 0]);
  const first = records[0]?.length ?? 0;
  if (width < 2 && !(first > 1 && records.length > 1 && isHeaderLike(records[0] ?? []))) return 0;
  const addressed = records.filter((record) => record.some(looksLikeAddress)).length;
  return count / records.length + addressed / records.length + Math.min(width, 50) / 10_000;
}

const isHeaderLike = (record: readonly string[]): boolean =>
  record.some((cell) => /mail|courriel|correo/i.test(cell)) && !record.some((cell) => cell.includes("@"));

/** Addresses one after the other, as people paste them: nothing but addresses, and no columns to speak of. */
function isOneLine({ records }: Split): boolean {
  const [first] = records;
  if (first === undefined || records.every(({ length }) => length < 2)) return false;
  const ragged =
    records.some(({ length }) => length > 2) && records.slice(0, -1).some(({ length }) => length !== first.length);
  return (
    (records.length === 1 || ragged) &&
    records.every((record) => record.every((cell) => cell.trim() === "" || looksLikeAddress(cell)))
  );
}

const flattened = (head: Uint8Array, whole: boolean, delimiter: string | null): Promise<Split> =>
  sample(head, whole, null, ["\r\n", "\n", "\r", ...(delimiter === null ? [] : [delimiter])], false);

/** One line that goes on beyond the head: taken when it is addresses behind each other. */
async function endlessLine(head: Uint8Array): Promise<Split | null> {
  for (const delimiter of DELIMITERS) {
    const flat = await flattened(head, false, delimiter);
    if (flat.records.length > 1 && flat.records.every((record) => record.every(looksLikeAddress))) return flat;
  }
  return null;
}

/**
 * What ends a line. Where line feeds rule, a lone carriage return is part of a cell; files of old Macs have nothing
 * but carriage returns, except inside quotes.
 */
function lineEnds(head: Uint8Array): string[] {
  let feeds = 0;
  let lone = 0;
  head.forEach((byte, at) => {
    if (byte === 10) feeds++;
    else if (byte === 13 && head[at + 1] !== 10) lone++;
  });
  if (feeds === 0 || lone > feeds) return ["\r\n", "\n", "\r"];
  return ["\r\n", "\n"];
}

/** Whether some line is one quoted cell. */
function hasQuotedLine(head: Uint8Array, ends: readonly string[]): boolean {
  const lines = new TextDecoder().decode(head).split(ends.includes("\r") ? /\r\n|\n|\r/ : /\r?\n/);
  return lines.some((line) => /^\s*"[^"]*(?:""[^"]*)*"\s*$/.test(line));
}
