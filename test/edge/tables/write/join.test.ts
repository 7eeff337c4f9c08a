import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TableRow } from "../../../../edge/tables/table.ts";
import { layOut, mergeJoin, prefetched, type VerdictRow } from "../../../../edge/tables/write/join.ts";

function layout(wanted: readonly string[] | null = null) {
  const laid = layOut(["Email", "Status"], ["status", "score"], wanted);
  if (!laid.ok) throw new Error(`no column ${laid.error}`);
  return laid.value;
}

async function* cut<T>(rows: readonly T[], sizes: readonly number[]): AsyncGenerator<T[]> {
  let turn = 0;
  for (let at = 0; at < rows.length; ) {
    const size = sizes[turn++ % sizes.length] ?? 1;
    yield rows.slice(at, at + size);
    at += size;
  }
}

async function collected<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const listRow = (rowNo: number): TableRow => ({ rowNo, email: `u${rowNo}@x.com`, cells: [`u${rowNo}@x.com`, "old"] });
const verdictRow = (rowNo: number): VerdictRow => ({ rowNo, values: ["deliverable", rowNo] });

describe("columns", () => {
  test("come in the list's order, then the verdict's, with numbers behind names that are taken", () => {
    expect(layout().columns).toEqual(["Email", "Status", "status_2", "score"]);
    expect(layOut(["email", "status", "status_2"], ["status"], null)).toMatchObject({
      value: { columns: ["email", "status", "status_2", "status_3"] },
    });
  });
  test("can be chosen, in the order of the wish", () => {
    expect(layout(["score", "email"])).toMatchObject({ columns: ["score", "Email"], pick: [3, 0] });
    expect(layOut(["a"], ["b"], ["a", "c"])).toEqual({ ok: false, error: "c" });
  });
});

describe("joining by row number", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 });
  test.each(["empty", "skip"] as const)(
    "gives each row its own verdict, whatever the batches (%s)",
    async (missing) => {
      await fc.assert(
        fc.asyncProperty(
          fc.nat(30),
          fc.uniqueArray(fc.integer({ min: 0, max: 35 })),
          sizes,
          sizes,
          async (count, numbers, a, b) => {
            const known = numbers.sort((x, y) => x - y);
            const list = Array.from({ length: count }, (_, at) => listRow(at + 1));
            const joined = await collected(mergeJoin(cut(list, a), cut(known.map(verdictRow), b), layout(), missing));
            const has = (rowNo: number): boolean => known.includes(rowNo);
            const expected = list
              .filter(({ rowNo }) => missing === "empty" || has(rowNo))
              .map(({ rowNo, cells }) => [...cells, ...(has(rowNo) ? ["deliverable", rowNo] : [null, null])]);
            expect(joined.flat()).toEqual(expected);
          },
        ),
        { seed: 7, numRuns: 200 },
      );
    },
  );

  test("stops reading the list once the last wanted verdict is passed, and ends both sides", async () => {
    let read = 0;
    const ended: string[] = [];
    async function* list(): AsyncGenerator<TableRow[]> {
      try {
        for (let rowNo = 1; ; rowNo++) {
          read = rowNo;
          yield [listRow(rowNo)];
        }
      } finally {
        ended.push("list");
      }
    }
    const joined = await collected(mergeJoin(list(), cut([2, 3].map(verdictRow), [1]), layout(["score"]), "skip"));
    expect(joined.flat()).toEqual([[2], [3]]);
    expect(read).toBeLessThanOrEqual(5);
    expect(ended).toEqual(["list"]);
  });

  test("a failure of either side comes out", async () => {
    async function* failing(): AsyncGenerator<VerdictRow[]> {
      yield [verdictRow(1)];
      throw new Error("the page is gone");
    }
    await expect(
      collected(mergeJoin(cut([listRow(1), listRow(2)], [1]), failing(), layout(), "empty")),
    ).rejects.toThrow("the page is gone");
  });
});

describe("prefetching", () => {
  test("asks for one batch ahead, never more", async () => {
    let asked = 0;
    async function* pages(): AsyncGenerator<number> {
      for (; asked < 5; ) yield ++asked;
    }
    const ahead: number[] = [];
    for await (const page of prefetched(pages())) ahead.push(asked - page);
    expect(ahead).toEqual([1, 1, 1, 1, 0]);
  });

  test("a page that fails ahead of time fails in its turn", async () => {
    const seen: number[] = [];
    async function* pages(): AsyncGenerator<number> {
      yield 1;
      throw new Error("the page is gone");
    }
    const use = async (): Promise<void> => {
      for await (const page of prefetched(pages())) seen.push(page);
    };
    await expect(use()).rejects.toThrow("the page is gone");
    expect(seen).toEqual([1]);
  });
});
