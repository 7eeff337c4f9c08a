import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memorySource } from "../../../../edge/tables/source.ts";
import { neutralised, type ResultRow, type Value } from "../../../../edge/tables/write/cell.ts";
import { encode, FORMATS, type Format } from "../../../../edge/tables/write/encode.ts";
import { emailsOf, inspected, rowsOf } from "../lists.ts";

async function* batches(...rows: ResultRow[][]): AsyncGenerator<ResultRow[]> {
  yield* rows;
}
const bytesOf = async (stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await new Response(stream).arrayBuffer());
const textOf = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text();

const columns = ["email", "name", "score", "flag"];
const rows: ResultRow[] = [
  ["a@x.com", 'Ann "A", B\nC', 97, true],
  ["b@x.com", null, -0.5, false],
];

describe("each format", () => {
  const cell = fc.oneof(
    fc.constantFrom(
      "",
      "=1+1",
      "-x",
      "+1 (2)",
      "'",
      '"',
      ",",
      "\t",
      "_x0041_",
      "a\r\nb",
      " x ",
      "]]>",
      "&amp;",
      "\u0001",
    ),
    fc.string({ unit: "grapheme", maxLength: 10 }),
    fc.string({ unit: "binary", maxLength: 5 }).map((text) => text.replaceAll(/[\0\uFEFF\uD800-\uDFFF]/g, "")),
  );
  const table = fc.array(
    fc.array(
      fc.tuple(
        fc.nat(999),
        cell.map((text) => text.replaceAll(/[\0\uFEFF]/g, "").toWellFormed()),
      ),
    ),
    { minLength: 1, maxLength: 4 },
  );

  test.each(Object.keys(FORMATS) as Format[])("%s is read back as it was written", async (format) => {
    await fc.assert(
      fc.asyncProperty(table, async (parts) => {
        const written = parts.map((part) => part.map(([id, text]): ResultRow => [`u${id}@x.com`, text]));
        const bytes = await bytesOf(encode(format, ["email", "text"], batches(...written), { rawFormulas: true }));
        const all = written.flat();
        if (all.length === 0) return;
        const read = (await rowsOf(memorySource(bytes))).map(([, , email, text]) => [email, text]);
        expect(read).toEqual(all);
      }),
      { seed: 6, numRuns: 100 },
    );
  });

  test.each(Object.keys(FORMATS) as Format[])("%s without rows is whole", async (format) => {
    const bytes = await bytesOf(encode(format, columns, batches()));
    if (format === "json") expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual([]);
    if (format === "csv") expect(new TextDecoder().decode(bytes)).toBe("email,name,score,flag\r\n");
    if (format === "xlsx") expect(bytes.subarray(0, 4)).toEqual(Uint8Array.of(0x50, 0x4b, 3, 4));
    if (format === "ndjson") expect(bytes.length).toBe(0);
  });

  test.each(Object.keys(FORMATS) as Format[])(
    "%s asks for rows only when they are wanted and ends them with its reader",
    async (format) => {
      let asked = 0;
      let ended = false;
      async function* endless(): AsyncGenerator<ResultRow[]> {
        try {
          for (;;) {
            asked++;
            // Enough for a deflate block, so that a workbook has something to give.
            yield Array.from(
              { length: 2_000 },
              (_, at): ResultRow => [`u${at}-${asked}-${Math.sin(at)}@x.com`, asked, at, true],
            );
          }
        } finally {
          ended = true;
        }
      }
      const reader = encode(format, columns, endless()).getReader();
      expect(asked).toBe(0);
      while (asked === 0) await reader.read();
      expect(asked).toBeLessThanOrEqual(2);
      await reader.cancel();
      expect(ended).toBe(true);
    },
  );

  test.each(Object.keys(FORMATS) as Format[])("%s breaks off when its rows do", async (format) => {
    async function* failing(): AsyncGenerator<ResultRow[]> {
      yield rows;
      throw new Error("the page is gone");
    }
    await expect(textOf(encode(format, columns, failing()))).rejects.toThrow("the page is gone");
  });
});

describe("text", () => {
  test("CSV quotes what RFC 4180 says", async () => {
    expect(await textOf(encode("csv", columns, batches(rows), { bom: true }))).toBe(
      'email,name,score,flag\r\na@x.com,"Ann ""A"", B\nC",97,true\r\nb@x.com,,-0.5,false\r\n',
    );
    const [first] = new Uint8Array(
      await new Response(encode("csv", columns, batches(rows), { bom: true })).arrayBuffer(),
    );
    expect(first).toBe(0xef);
  });

  test("JSON keeps numbers, truth values, nothing and lists", async () => {
    const values: ResultRow[] = [["a@x.com", ["x", "y"], { mx: "m.x.com" }, null]];
    const object = { email: "a@x.com", name: ["x", "y"], score: { mx: "m.x.com" }, flag: null };
    expect(JSON.parse(await textOf(encode("json", columns, batches(values, [], values))))).toEqual([object, object]);
    expect(await textOf(encode("ndjson", columns, batches(values)))).toBe(`${JSON.stringify(object)}\n`);
    expect(await textOf(encode("csv", columns, batches(values)))).toContain(
      'a@x.com,"[""x"",""y""]","{""mx"":""m.x.com""}",\r\n',
    );
  });
});

describe("formulas", () => {
  test.each([
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "+49 170 1234567",
    "-x@y.com",
  ])("%j gets an apostrophe", (text) => {
    expect(neutralised(text)).toBe(`'${text}`);
  });
  test.each(["", "a=1", "5", "-5", "+491701234567", "-1.5", "-1,5", "+1e9", "-1,234,567.8", "-12%", "'x"])(
    "%j stays",
    (text) => {
      expect(neutralised(text)).toBe(text);
    },
  );

  test("CSV carries none, in header and cells", async () => {
    const text = await textOf(encode("csv", ["=cmd"], batches([["=1"], ["-7"], [-7]])));
    expect(text).toBe("'=cmd\r\n'=1\r\n-7\r\n-7\r\n");
  });

  test("a workbook carries them as text", async () => {
    const bytes = await bytesOf(encode("xlsx", ["email", "x"], batches([["a@x.com", "=1+1"]])));
    expect(await rowsOf(memorySource(bytes))).toEqual([[1, "a@x.com", "a@x.com", "=1+1"]]);
  });
});

test("a full sheet goes on in the next one under the same header", async () => {
  const many = Array.from({ length: 5 }, (_, at): ResultRow => [`u${at}@x.com`, at]);
  const bytes = await bytesOf(
    encode("xlsx", ["email", "n"], batches(many.slice(0, 4), many.slice(4)), { sheetMaxRows: 3 }),
  );
  const { sheets } = await inspected(memorySource(bytes));
  expect(sheets).toEqual(["Results", "Results 2", "Results 3"]);
  const read = await Promise.all(sheets.map((sheet) => emailsOf(memorySource(bytes), { sheet })));
  expect(read).toEqual([["u0@x.com", "u1@x.com"], ["u2@x.com", "u3@x.com"], ["u4@x.com"]]);
});

test("a cell that Excel would not open is shortened", async () => {
  const long: Value = "y".repeat(40_000);
  const bytes = await bytesOf(encode("xlsx", ["email", "x"], batches([["a@x.com", long]])));
  expect((await rowsOf(memorySource(bytes)))[0]?.[3]).toHaveLength(32_767);
});
