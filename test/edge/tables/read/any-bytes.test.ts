import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { inspect } from "../../../../edge/tables/read/inspect.ts";
import { memorySource } from "../../../../edge/tables/source.ts";
import { ListRefused } from "../../../../edge/tables/table.ts";
import { batchesOf, textRow, workbook } from "../lists.ts";

/** Reads to the end; what is not taken must be refused in one sentence and nothing else may be thrown. */
async function takenOrRefused(bytes: Uint8Array): Promise<void> {
  const found = await inspect(memorySource(bytes));
  if (!found.ok) {
    expect(found.error.detail).toMatch(/^[A-Z"].*\.$/);
    return;
  }
  const { dialect, rows } = found.value;
  expect(dialect.column).toBeLessThan(dialect.columns.length);
  for (const row of rows) expect(row).toHaveLength(dialect.columns.length);
  try {
    const read = (await batchesOf(memorySource(bytes), dialect)).flatMap((batch) => batch.rows);
    expect(read.map(({ rowNo }) => rowNo)).toEqual(read.map((_, at) => at + 1));
    for (const { cells } of read) expect(cells).toHaveLength(dialect.columns.length);
  } catch (error) {
    expect(error).toBeInstanceOf(ListRefused);
  }
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const seeds: readonly Uint8Array[] = [
  utf8('name,email\r\n"Doe, Jane",a@x.com\r\nBob,b@x.com\r\n'),
  utf8("a@x.com\nb@x.com; c@x.com\n"),
  utf8('[{"email":"a@x.com","n":[1,{"k":"\\""}]},"b@x.com",["c@x.com"]]'),
  utf8('{"email":"a@x.com"}\n{"email":"b@x.com"}\n'),
  gzipSync("email\na@x.com\nb@x.com\n"),
  workbook({ sheets: { S: textRow("email", "n") + textRow("a@x.com", "&lt;1") }, strings: ["<si><t>x</t></si>"] }),
];
/** Pieces of syntax, so that changes hit something. */
const syntax = fc.constantFrom(
  ...[
    ",",
    ";",
    '"',
    "\n",
    "\r",
    "@",
    "[",
    "]",
    "{",
    "}",
    "\\",
    "<",
    ">",
    "&",
    "\uFEFF",
    "\0",
    "sep=",
    "<!--",
    "PK",
  ].map(utf8),
);
const change = fc.record({ at: fc.nat(), drop: fc.nat(6), put: fc.oneof(syntax, fc.uint8Array({ maxLength: 4 })) });

test("any bytes are taken or refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...seeds), fc.array(change, { maxLength: 6 }), async (seed, changes) => {
      let bytes = [...seed];
      for (const { at, drop, put } of changes) {
        const place = at % (bytes.length + 1);
        bytes = [...bytes.slice(0, place), ...put, ...bytes.slice(place + drop)];
      }
      await takenOrRefused(Uint8Array.from(bytes));
    }),
    { seed: 60, numRuns: 1_500 },
  );
});

test("noise is taken or refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: "binary", maxLength: 100 }).map(utf8)),
      takenOrRefused,
    ),
    { seed: 61, numRuns: 500 },
  );
});
