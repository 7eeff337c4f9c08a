import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { memorySource } from "../../../../edge/tables/source.ts";
import {
  batchesOf,
  choppy,
  emailsOf,
  inspected,
  type PlainRow,
  plainRow,
  refused,
  rowsOf,
  textRow,
  workbook,
} from "../lists.ts";

const table = (rows: string, more: object = {}): Uint8Array<ArrayBuffer> =>
  workbook({ sheets: { Sheet1: textRow("email", "x") + rows }, ...more });
const cellOf = async (cell: string, more: object = {}): Promise<unknown> => {
  const bytes = table(`<row><c t="inlineStr"><is><t>a@x.com</t></is></c>${cell}</row>`, more);
  return (await rowsOf(memorySource(bytes)))[0]?.[3];
};

describe("cells become text", () => {
  const styles =
    '<numFmts><numFmt numFmtId="170" formatCode="dd/mm/yyyy"/><numFmt numFmtId="171" formatCode="0.00 &quot;days&quot;"/>' +
    '<numFmt numFmtId="172" formatCode="[Red]0.0"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>' +
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/><xf numFmtId="20"/><xf numFmtId="172"/></cellXfs>';
  const strings = [
    "<si><t>one</t></si>",
    '<si><r><t xml:space="preserve">rich </t></r><r><t>text</t></r><rPh><t>reading</t></rPh></si>',
  ];
  test.each([
    ["a shared string", '<c t="s"><v>0</v></c>', "one"],
    ["rich text without its reading aid", '<c t="s"><v>1</v></c>', "rich text"],
    ["a shared string that is not there", '<c t="s"><v>99</v></c>', ""],
    ["a whole number", "<c><v>42</v></c>", "42"],
    ["a long number", "<c><v>4915112345678901234</v></c>", "4915112345678901234"],
    ["a fraction", "<c><v>0.10000000000000001</v></c>", "0.1"],
    ["a date", '<c s="1"><v>45322</v></c>', "2024-01-31"],
    ["a date of an own format", '<c s="2"><v>45322.5</v></c>', "2024-01-31T12:00:00"],
    ["a date of the first days", '<c s="1"><v>1</v></c>', "1900-01-01"],
    ["a number with quoted letters in its format", '<c s="3"><v>45322</v></c>', "45322"],
    ["a number with a colour", '<c s="5"><v>1.5</v></c>', "1.5"],
    ["a time", '<c s="4"><v>0.5</v></c>', "12:00:00"],
    ["a truth value", '<c t="b"><v>1</v></c>', "TRUE"],
    ["an error", '<c t="e"><v>#N/A</v></c>', "#N/A"],
    ["what a formula gave", '<c t="str"><f>HYPERLINK("http://x","y")</f><v>y</v></c>', "y"],
    ["nothing where a formula's value is not stored", "<c><f>1+1</f></c>", ""],
    [
      "escapes of XML and of workbooks",
      '<c t="inlineStr"><is><t>a&amp;b &#x1F600;_x000D_&lt;&unknown;</t></is></c>',
      "a&b 😀\r<&unknown;",
    ],
    ["CDATA", '<c t="inlineStr"><is><t><![CDATA[<&lt;>]]></t></is></c>', "<&lt;>"],
  ])("%s", async (_, cell, text) => {
    expect(await cellOf(cell, { styles, strings })).toBe(text);
  });

  test("days count from 1904 where the workbook says so", async () => {
    expect(await cellOf('<c s="1"><v>43860</v></c>', { styles, workbook: '<workbookPr date1904="1"/>' })).toBe(
      "2024-01-31",
    );
  });

  test("places of cells and rows are followed", async () => {
    const bytes = workbook({
      sheets: {
        S:
          '<row r="2"><c r="B2" t="inlineStr"><is><t>email</t></is></c><c r="D2" t="inlineStr"><is><t>city</t></is></c></row>' +
          '<row r="9"><c r="D9" t="inlineStr"><is><t>Rome</t></is></c></row><row r="10"/>' +
          "<x:row xmlns:x='y' r='12'><x:c r='B12' t='inlineStr'><x:is><x:t>a@x.com</x:t></x:is></x:c></x:row>",
      },
    });
    expect(await rowsOf(memorySource(bytes))).toEqual([
      [1, "", "", "", "", "Rome"],
      [2, "a@x.com", "", "a@x.com", "", ""],
    ]);
  });
});

describe("sheets", () => {
  const bytes = workbook({
    sheets: { Notes: textRow("Read me"), Customers: textRow("email") + textRow("a@x.com"), Old: textRow("b@x.com") },
  });

  test("the first with a column of addresses is taken, and all are named", async () => {
    const { dialect, sheets } = await inspected(memorySource(bytes));
    expect(dialect).toMatchObject({ sheet: "Customers" });
    expect(sheets).toEqual(["Notes", "Customers", "Old"]);
  });

  test("a wish for a sheet is followed", async () => {
    expect(await emailsOf(memorySource(bytes), { sheet: "old" })).toEqual(["b@x.com"]);
    expect((await refused(memorySource(bytes), { sheet: "New" })).detail).toBe(
      'There is no sheet "New"; the workbook has "Notes", "Customers", "Old".',
    );
  });
});

describe("workbooks that do harm", () => {
  const detailOf = async (bytes: Uint8Array): Promise<string> => (await refused(memorySource(bytes))).detail;

  test("a part that unpacks to far more than its size is refused before it is unpacked", async () => {
    const bomb = "0".repeat(20_000_000);
    expect(
      await detailOf(workbook({ sheets: { S: textRow("email") }, extra: { "xl/sharedStrings.xml": bomb } })),
    ).toMatch(/unpacks to more than is taken \(xl\/sharedStrings\.xml: 20000000 bytes\)/);
  });

  test("a part that is larger than the directory says is refused", async () => {
    const bytes = table(textRow("a@x.com"));
    const view = new DataView(bytes.buffer);
    const signature = 0x02014b50;
    for (let at = 0; at < bytes.length - 46; at++)
      if (view.getUint32(at, true) === signature) view.setUint32(at + 24, 10, true);
    expect(await detailOf(bytes)).toMatch(/workbook is cut off or damaged/);
  });

  test("a document type, and with it entities, is refused", async () => {
    const xml = '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]><workbook>&b;</workbook>';
    expect(await detailOf(workbook({ sheets: {}, extra: { "xl/workbook.xml": xml } }))).toMatch(
      /declares a document type/,
    );
  });

  test("parts outside the archive are not followed", async () => {
    const relations =
      '<Relationships><Relationship Id="rId1" Type="x/worksheet" TargetMode="External" Target="http://127.0.0.1/s.xml"/></Relationships>';
    const bytes = workbook({ sheets: { S: textRow("a@x.com") }, extra: { "xl/_rels/workbook.xml.rels": relations } });
    expect(await detailOf(bytes)).toBe("The workbook has no sheet with cells.");
  });

  test("a workbook that is cut off is refused", async () => {
    const bytes = table(textRow("a@x.com"));
    for (const length of [bytes.length - 1, bytes.length >> 1, 30]) {
      expect(await detailOf(bytes.subarray(0, length))).toMatch(/workbook is cut off or damaged/);
    }
  });

  test("damage anywhere is refused or changes nothing, and never more than that", async () => {
    const bytes = table(textRow("a@x.com", "1") + textRow("b@x.com", "2"));
    const { dialect } = await inspected(memorySource(bytes));
    const whole = (await batchesOf(memorySource(bytes), dialect)).flatMap(({ rows }) => rows.map(plainRow));
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      const read: PlainRow[] | string = await batchesOf(memorySource(damaged), dialect).then(
        (batches) => batches.flatMap(({ rows }) => rows.map(plainRow)),
        (error: unknown) => (error instanceof Error ? error.constructor.name : "unknown"),
      );
      expect(read === "ListRefused" || JSON.stringify(read) === JSON.stringify(whole)).toBe(true);
    }
  });

  test("few bytes that refer to one long text over and over are refused", async () => {
    const row = `<row>${'<c t="s"><v>0</v></c>'.repeat(900)}</row>`;
    const bytes = workbook({
      sheets: { S: textRow("email") + row.repeat(500) },
      strings: [`<si><t>${"x".repeat(32_000)}</t></si>`],
    });
    expect(await detailOf(bytes)).toMatch(/Row 2 has more than 262144 characters in its cells/);
  });

  test("wide rows come in smaller batches", async () => {
    const row = `<row><c t="inlineStr"><is><t>a@x.com</t></is></c>${'<c t="s"><v>0</v></c>'.repeat(8)}</row>`;
    const bytes = workbook({ sheets: { S: row.repeat(100) }, strings: [`<si><t>${"x".repeat(30_000)}</t></si>`] });
    const { dialect } = await inspected(memorySource(bytes));
    const sizes = (await batchesOf(memorySource(bytes), dialect)).map(({ rows }) => rows.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(100);
    expect(Math.max(...sizes)).toBeLessThan(60);
  });

  test("a sheet without rows is not read to its end for a preview", async () => {
    const bytes = workbook({ sheets: { S: "<row/>".repeat(1_600_000), T: textRow("a@x.com") } });
    expect((await inspected(memorySource(bytes))).dialect).toMatchObject({ sheet: "T" });
  });

  test("an encrypted part, too many parts, too many columns are refused", async () => {
    const bytes = table(textRow("a@x.com"));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length - 46; at++)
      if (view.getUint32(at, true) === 0x02014b50) view.setUint16(at + 8, 1, true);
    expect(await detailOf(bytes)).toMatch(/protected by a password/);
    const many = zipSync(Object.fromEntries(Array.from({ length: 5_001 }, (_, at) => [`p${at}`, new Uint8Array(0)])));
    expect(await detailOf(many)).toMatch(/more than 5000 parts/);
    expect(await detailOf(table('<row r="2"><c r="XFD2"><v>1</v></c></row>'))).toMatch(
      /Row 2 has a cell beyond column 1000/,
    );
  });
});

test("rows are the same however the file's bytes come", async () => {
  const rows = Array.from({ length: 3_000 }, (_, at) => textRow(`u${at}@x.com`, `größe ${at}`)).join("");
  const bytes = table(rows);
  const { dialect } = await inspected(choppy(bytes, [11, 3]));
  const one = await batchesOf(memorySource(bytes), dialect);
  expect(await batchesOf(choppy(bytes, [977, 1, 13]), dialect)).toEqual(one);
  expect(one.flatMap((batch) => batch.rows).at(-1)).toMatchObject({ rowNo: 3_000, email: "u2999@x.com" });
});
