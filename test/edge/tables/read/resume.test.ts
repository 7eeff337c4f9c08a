import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { convert, isResumable } from "../../../../edge/tables/read/convert.ts";
import { firstCheckpoint } from "../../../../edge/tables/read/rows.ts";
import { memorySource } from "../../../../edge/tables/source.ts";
import { checkpoint, dialect as dialectSchema } from "../../../../edge/tables/table.ts";
import { batchesOf, choppy, inspected, type PlainRow, plainRow, textRow, utf16, workbook } from "../lists.ts";

const RUNS = { seed: 20_261_120, numRuns: 60 };

const cell = fc.oneof(
  fc.constantFrom("", "x", "a,b", 'say "hi"', "two\nlines", "cr\r\nlf", "größe", "日本語", "😀", " lead", "0"),
  fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll(/[\0\uFEFF]/g, "")),
);
const table = fc.array(fc.tuple(fc.nat(9_999), cell, cell), { minLength: 1, maxLength: 40 });
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

type Table = readonly (readonly [number, string, string])[];
const csv = (rows: Table, end: string): string =>
  `email,first,second${end}${rows.map(([id, a, b]) => `u${id}@x.com,${quoted(a)},${quoted(b)}`).join(end)}${end}`;
const objects = (rows: Table): object[] =>
  rows.map(([id, first, second]) => ({ email: `u${id}@x.com`, first, second }));
const expected = (rows: Table): PlainRow[] =>
  rows.map(([id, a, b], at) => [at + 1, `u${id}@x.com`, `u${id}@x.com`, a, b]);
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const whole = (text: string): string => text.toWellFormed();

const forms: readonly (readonly [string, (rows: Table) => Uint8Array])[] = [
  ["CSV", (rows) => utf8(csv(rows, "\n"))],
  ["CSV of DOS with a mark", (rows) => utf8(`\uFEFF${csv(rows, "\r\n")}`)],
  ["CSV in UTF-16LE", (rows) => utf16(`\uFEFF${whole(csv(rows, "\r\n"))}`, false)],
  ["CSV in UTF-16BE with Excel's first line", (rows) => utf16(`\uFEFFsep=,\r\n${whole(csv(rows, "\r\n"))}`, true)],
  ["a JSON array", (rows) => utf8(JSON.stringify(objects(rows)))],
  ["a JSON array over lines", (rows) => utf8(JSON.stringify(objects(rows), null, 2))],
  [
    "NDJSON",
    (rows) =>
      utf8(
        objects(rows)
          .map((row) => JSON.stringify(row))
          .join("\n"),
      ),
  ],
  ["gzip of CSV", (rows) => gzipSync(utf8(csv(rows, "\n")))],
];

describe.each(forms)("%s", (_, write) => {
  test("gives the same rows however its bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(table, sizes, async (rows, cuts) => {
        const bytes = write(rows);
        const { dialect } = await inspected(memorySource(bytes));
        const batches = await batchesOf(choppy(bytes, cuts), dialect);
        expect(batches.flatMap((batch) => batch.rows.map(plainRow))).toEqual(expected(rows));
      }),
      RUNS,
    );
  });

  test("goes on after any batch with exactly the rows that are left", async () => {
    await fc.assert(
      fc.asyncProperty(table, sizes, fc.integer({ min: 1, max: 7 }), async (rows, cuts, batchRows) => {
        const bytes = write(rows);
        const { dialect } = await inspected(memorySource(bytes));
        const stored = dialectSchema.parse(JSON.parse(JSON.stringify(dialect)));
        let next = firstCheckpoint(stored);
        const read: PlainRow[] = [];
        for (let turn = 0; turn <= rows.length; turn++) {
          const [batch] = await batchesOf(choppy(bytes, cuts), stored, next, batchRows);
          if (batch === undefined) break;
          read.push(...batch.rows.map(plainRow));
          next = checkpoint.parse(JSON.parse(JSON.stringify(batch.next)));
        }
        expect(read).toEqual(expected(rows));
      }),
      { ...RUNS, numRuns: 20 },
    );
  });
});

test("Windows-1252 is entered in the middle of the file", async () => {
  const rows = Array.from({ length: 100 }, (_, at) => `J\xfcrgen \x80${at};j${at}@x.com`);
  const bytes = Uint8Array.from(`name;email\r\n${rows.join("\r\n")}`, (char) => char.charCodeAt(0));
  const { dialect } = await inspected(memorySource(bytes));
  const [first] = await batchesOf(memorySource(bytes), dialect, undefined, 60);
  const rest = await batchesOf(choppy(bytes, [7]), dialect, first?.next);
  expect(rest[0]?.rows[0]).toMatchObject({ rowNo: 61, cells: ["Jürgen €60", "j60@x.com"] });
  expect(rest[0]?.rows.length).toBe(40);
});

describe("conversion", () => {
  test("a packed list and a workbook become one that can be entered anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.boolean(), async (rows, packed) => {
        const sheet =
          textRow("email", "first", "second") +
          rows.map(([id, a, b]) => textRow(`u${id}@x.com`, xml(a), xml(b))).join("");
        const bytes = packed ? gzipSync(utf8(csv(rows, "\n"))) : workbook({ sheets: { S: sheet } });
        const { dialect } = await inspected(memorySource(bytes));
        expect(isResumable(dialect)).toBe(false);
        const converted = convert(memorySource(bytes), dialect);
        const lines = new Uint8Array(await new Response(converted.stream).arrayBuffer());
        expect(isResumable(converted.dialect)).toBe(true);
        const [first] = await batchesOf(memorySource(lines), converted.dialect, undefined, 3);
        const rest = await batchesOf(memorySource(lines), converted.dialect, first?.next);
        const read = [...(first?.rows ?? []), ...rest.flatMap((batch) => batch.rows)].map(plainRow);
        expect(read).toEqual(expected(rows));
      }),
      { ...RUNS, numRuns: 40 },
    );
  });
});

/** Text in a workbook's XML; carriage returns would become line feeds, so they are escaped. */
const xml = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
    .replaceAll(/[\u0000-\u001f\ufffe\uffff]/g, (char) => `_x${char.charCodeAt(0).toString(16).padStart(4, "0")}_`);
