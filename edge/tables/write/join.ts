import { err, ok, type Result } from "../../../shared/result.ts";
import { uniqueName } from "../read/column.ts";
import type { TableRow } from "../table.ts";
import type { ResultRow, Value } from "./cell.ts";

/** What becomes of a row without a verdict: empty cells, values of its own, or it is left out. */
type Missing = "empty" | "skip" | ((row: TableRow) => readonly Value[]);

/** The columns of a result: those of the list in their order, then those of the verdicts, or a choice of them. */
export type Layout = {
  readonly columns: readonly string[];
  /** Which values of a whole row are kept, in order; null for all. */
  readonly pick: readonly number[] | null;
  /** Columns that the list and a verdict have. */
  readonly original: number;
  readonly verdict: number;
};

/**
 * Lays out a result. A verdict's column whose name the list already has gets a number behind it.
 * @param wanted names of the columns to keep, in the order to keep them in; null for all
 * @param exact names that differ in case only are different names
 * @returns the layout, or the first name that there is no column for
 */
export function layOut(
  original: readonly string[],
  verdict: readonly string[],
  wanted: readonly string[] | null,
  exact = false,
): Result<Layout, string> {
  // What is compared in lower case never meets a name with a capital letter.
  const taken = new Set(exact ? original : original.map((name) => name.toLowerCase()));
  const all = [...original, ...verdict.map((name) => uniqueName(name, taken))];
  const sizes = { original: original.length, verdict: verdict.length };
  if (wanted === null) return ok({ columns: all, pick: null, ...sizes });
  const pick: number[] = [];
  for (const name of new Set(wanted)) {
    const exact = all.indexOf(name);
    const index = exact >= 0 ? exact : all.findIndex((one) => one.toLowerCase() === name.trim().toLowerCase());
    if (index < 0) return err(name);
    pick.push(index);
  }
  return ok({ columns: pick.map((index) => all[index] ?? ""), pick, ...sizes });
}

/** The values of a row's verdict, in the order of the layout's verdict columns. */
export type VerdictRow = { readonly rowNo: number; readonly values: readonly Value[] };

/**
 * Joins a list with its verdicts by row number. Both come in rising order, in batches of any size; one batch of each
 * is in memory.
 */
export async function* mergeJoin(
  list: AsyncIterable<readonly TableRow[]>,
  verdicts: AsyncIterable<readonly VerdictRow[]>,
  layout: Layout,
  missing: Missing,
): AsyncGenerator<ResultRow[]> {
  const next = cursor(verdicts);
  const none: readonly Value[] = Array.from({ length: layout.verdict }, () => null);
  const { pick } = layout;
  try {
    for await (const rows of list) {
      const joined: ResultRow[] = [];
      for (const row of rows) {
        const found = next.upTo(row.rowNo);
        const verdict = found instanceof Promise ? await found : found;
        if (verdict === null && missing === "skip") continue;
        const values = verdict ?? (typeof missing === "function" ? missing(row) : none);
        const whole: readonly Value[] = [...row.cells, ...values];
        joined.push(pick === null ? whole : pick.map((index) => whole[index]));
      }
      if (joined.length > 0) yield joined;
      if (missing === "skip" && next.ended) return;
    }
  } finally {
    await next.stop();
  }
}

/** Looks for verdicts by rising row numbers; answers at once while a batch lasts. */
function cursor(verdicts: AsyncIterable<readonly VerdictRow[]>) {
  const iterator = verdicts[Symbol.asyncIterator]();
  let batch: readonly VerdictRow[] = [];
  let at = 0;
  let ended = false;

  const inBatch = (rowNo: number): readonly Value[] | null | undefined => {
    for (; at < batch.length; at++) {
      const row = batch[at];
      if (row === undefined || row.rowNo < rowNo) continue;
      return row.rowNo === rowNo ? row.values : null;
    }
    return ended ? null : undefined;
  };
  const further = async (rowNo: number): Promise<readonly Value[] | null> => {
    for (;;) {
      const found = inBatch(rowNo);
      if (found !== undefined) return found;
      const { done, value } = await iterator.next();
      ended = done === true;
      batch = done ? [] : value;
      at = 0;
    }
  };
  return {
    upTo(rowNo: number): readonly Value[] | null | Promise<readonly Value[] | null> {
      const found = inBatch(rowNo);
      return found === undefined ? further(rowNo) : found;
    },
    /** Whether the last verdict has been passed. */
    get ended() {
      return ended && at >= batch.length;
    },
    async stop() {
      await iterator.return?.();
    },
  };
}

/**
 * Asks for the next batch while the last one is being used; never more than one ahead. For pages that come from
 * elsewhere, as those of a database do.
 */
export async function* prefetched<T>(batches: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = batches[Symbol.asyncIterator]();
  let ahead = iterator.next();
  try {
    for (;;) {
      const { done, value } = await ahead;
      if (done) return;
      ahead = iterator.next();
      // It may fail before it is waited for; then the failure shows when it is.
      ahead.catch(() => undefined);
      yield value;
    }
  } finally {
    await ahead.catch(() => undefined);
    await iterator.return?.();
  }
}
