import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { memorySource } from "../../../../edge/tables/source.ts";
import { batchesOf, emailsOf, inspected, list, refused, rowsOf, textRow, utf16, workbook } from "../lists.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

describe("how a list is cut", () => {
  test.each([
    ["commas", "name,email\nAnna,a@x.com\nBob,b@x.com\n", ","],
    ["semicolons", "name;email\nMuster, Anna;a@x.com\nDoe, Bob;b@x.com\n", ";"],
    ["tabs", "name\temail\nAnna\ta@x.com\nBob\tb@x.com", "\t"],
    ["bars", "name|email\r\nAnna|a@x.com\r\nBob|b@x.com\r\n", "|"],
    ["quoted cells", '"name","email"\n"Anna ""A"" M","a@x.com"\n"Bob","b@x.com"\n', ","],
    ["a header that is wider than the rows", "email,name\na@x.com\nb@x.com\n", ","],
  ])("%s are found", async (_, text, delimiter) => {
    const { dialect, header } = await inspected(list(text));
    expect(dialect).toMatchObject({ kind: "csv", delimiter });
    expect(header).toBe(true);
    expect(await emailsOf(list(text))).toEqual(["a@x.com", "b@x.com"]);
  });

  test("quoted cells keep line ends, delimiters and quotes", async () => {
    const rows = await rowsOf(list('email,note\r\na@x.com,"one\r\ntwo, ""three"""\r\nb@x.com,\n'));
    expect(rows).toEqual([
      [1, "a@x.com", "a@x.com", 'one\r\ntwo, "three"'],
      [2, "b@x.com", "b@x.com", ""],
    ]);
  });

  test("lone carriage returns end lines, but not beside line feeds", async () => {
    expect(await emailsOf(list("email,n\ra@x.com,1\rb@x.com,2\r"))).toEqual(["a@x.com", "b@x.com"]);
    expect(await rowsOf(list("email,n\na@x.com,1\r2\nb@x.com,3\n"))).toEqual([
      [1, "a@x.com", "a@x.com", "1\r2"],
      [2, "b@x.com", "b@x.com", "3"],
    ]);
  });

  test("plain lines may hold quotes, names and commas", async () => {
    const text = '"john doe"@x.com\nAnna <a@x.com>\n# remark\n"b@x.com"\nbroken\n';
    expect(await emailsOf(list(text))).toEqual(['"john doe"@x.com', "Anna <a@x.com>", "# remark", "b@x.com", "broken"]);
  });

  test("one column of quoted cells loses its quotes", async () => {
    expect(await emailsOf(list('"email"\n"a@x.com"\n"b@x.com"\n'))).toEqual(["a@x.com", "b@x.com"]);
  });

  test("addresses behind each other on one line are as many rows", async () => {
    expect(await emailsOf(list("a@x.com; b@x.com;c@x.com"))).toEqual(["a@x.com", "b@x.com", "c@x.com"]);
    const many = Array.from({ length: 20_000 }, (_, at) => `user${at}@x.com`);
    expect(await emailsOf(list(many.join(",")))).toEqual(many);
  });

  test("Excel's own first line names the delimiter and is no row", async () => {
    expect(await rowsOf(list("sep=|\r\nname|email\r\nA,B|a@x.com\r\n"))).toEqual([[1, "a@x.com", "A,B", "a@x.com"]]);
  });

  test("a wish for a delimiter is followed", async () => {
    const { dialect } = await inspected(list("name;email,x\nAnna;a@x.com,1\n"), {
      delimiter: ";",
      column: "2",
      header: true,
    });
    expect(dialect).toMatchObject({ delimiter: ";", column: 1 });
  });

  test("blank lines and rows of blank cells are no rows", async () => {
    expect(await rowsOf(list("\n\nemail,n\n\n,\na@x.com,1\n , \r\n\nb@x.com,2\n,,,\n"))).toEqual([
      [1, "a@x.com", "a@x.com", "1"],
      [2, "b@x.com", "b@x.com", "2"],
    ]);
  });

  test.each(["", ";;", '"', "\n", "😀"])("a delimiter such as %j is refused", async (delimiter) => {
    const { detail } = await refused(list("email;n\na@x.com;1\n"), { delimiter });
    expect(detail).toMatch(/^A delimiter is one character/);
  });

  test("the end mark of old DOS files is no row", async () => {
    expect(await emailsOf(list("email\r\na@x.com\r\n\x1a"))).toEqual(["a@x.com"]);
  });

  test("short rows are filled and a row without an address stays", async () => {
    expect(await rowsOf(list("name,email,city\nAnna\nBob,b@x.com\n,c@x.com,Rome\n"))).toEqual([
      [1, "", "Anna", "", ""],
      [2, "b@x.com", "Bob", "b@x.com", ""],
      [3, "c@x.com", "", "c@x.com", "Rome"],
    ]);
  });
});

describe("encodings", () => {
  const text = "name,email\nJürgen,j@x.com\nŁukasz 😀,l@x.com\n";
  const names = ["Jürgen", "Łukasz 😀"];
  const namesOf = async (source: Uint8Array): Promise<unknown[]> =>
    (await rowsOf(memorySource(source))).map(([, , name]) => name);

  test.each([
    ["UTF-8", bytes(text), "utf-8"],
    ["UTF-8 with a mark", bytes(`\uFEFF${text}`), "utf-8"],
    ["UTF-16LE with a mark", utf16(`\uFEFF${text}`, false), "utf-16le"],
    ["UTF-16BE with a mark", utf16(`\uFEFF${text}`, true), "utf-16be"],
    ["UTF-16LE", utf16(text, false), "utf-16le"],
    ["UTF-16BE", utf16(text, true), "utf-16be"],
  ])("%s is found", async (_, source, encoding) => {
    const { dialect } = await inspected(memorySource(source));
    expect(dialect).toMatchObject({ encoding, columns: ["name", "email"] });
    expect(await namesOf(source)).toEqual(names);
  });

  test("what is not UTF-8 is Windows-1252", async () => {
    const source = latin("name;email\nJ\xfcrgen \x80;j@x.com\n");
    expect((await inspected(memorySource(source))).dialect).toMatchObject({ encoding: "windows-1252" });
    expect(await namesOf(source)).toEqual(["Jürgen €"]);
  });

  test("a wish for an encoding is followed", async () => {
    const source = memorySource(bytes("name,email\nJürgen,j@x.com\n"));
    expect((await inspected(source, { encoding: "windows-1252" })).rows).toEqual([["JÃ¼rgen", "j@x.com"]]);
  });

  test("marks left in the middle by putting files together are taken away", async () => {
    const rows = await rowsOf(list('\uFEFFemail,n\na@x.com,1\n\uFEFFb@x.com,2\n\uFEFF"c@x.com",3\n'));
    expect(rows).toEqual([
      [1, "a@x.com", "a@x.com", "1"],
      [2, "b@x.com", "b@x.com", "2"],
      [3, "c@x.com", "c@x.com", "3"],
    ]);
  });
});

describe("columns", () => {
  test.each([
    "email",
    "E-Mail",
    "EMAIL ADDRESS",
    "Adresse e-mail",
    "Correo electrónico",
    "Courriel",
    "E-Mail-Adresse",
    "почта",
    "邮箱",
    "メールアドレス",
    "e_posta",
    "Indirizzo Email",
    "Contact E-mail",
    "Email (work)",
  ])("a column named %s is taken even without an address in it", async (name) => {
    const { dialect } = await inspected(list(`id,${name},city\n1,foo,Rome\n2,bar,Paris\n`));
    expect(dialect.column).toBe(1);
    expect(dialect.skip).toBe(1);
  });

  test("without a name the column with addresses is taken", async () => {
    const { dialect, header } = await inspected(list("1,Anna,a@x.com\n2,Bob,b@x.com\n"));
    expect(dialect).toMatchObject({ column: 2, skip: 0, columns: ["column_1", "column_2", "email"] });
    expect(header).toBe(false);
  });

  test("of two columns of addresses the better named is taken and the other told", async () => {
    const text = "id,email2,Owner e-mail,email\n1,b@x.com,o@x.com,a@x.com\n2,c@x.com,o@x.com,d@x.com\n";
    const { dialect, alternatives } = await inspected(list(text));
    expect(dialect.column).toBe(3);
    expect([...alternatives].sort()).toEqual([1, 2]);
    expect((await inspected(list(text), { column: "EMAIL2" })).dialect.column).toBe(1);
    expect((await inspected(list(text), { column: "3" })).dialect.column).toBe(2);
  });

  test("a column of addresses goes before a better named one of something else", async () => {
    const { dialect } = await inspected(list("email,contact\nyes,a@x.com\nno,b@x.com\n"));
    expect(dialect.column).toBe(1);
  });

  test("a broken address at the top is a row and no header", async () => {
    expect(await emailsOf(list("broken\na@x.com\nb@x.com\n"))).toEqual(["broken", "a@x.com", "b@x.com"]);
    expect(await emailsOf(list("1,a.x.com\n2,b@x.com\n3,c@x.com\n"))).toEqual(["a.x.com", "b@x.com", "c@x.com"]);
  });

  test.each(["E-Mail", "Recipient", "address"])("a single column may be named %s", async (name) => {
    expect(await emailsOf(list(`${name}\na@x.com\n`))).toEqual(["a@x.com"]);
  });

  test("titles above the header are no rows", async () => {
    expect(await rowsOf(list("Customers 2024,,\n,,\nname,email,city\nAnna,a@x.com,Rome\n"))).toEqual([
      [1, "a@x.com", "Anna", "a@x.com", "Rome"],
    ]);
  });

  test("names that occur twice or are missing are told apart", async () => {
    const { dialect } = await inspected(list("email,name,Name,,name_2\na@x.com,1,2,3,4\n"));
    expect(dialect.columns).toEqual(["email", "name", "Name_2", "column_4", "name_2_2"]);
  });

  test("a wish about the header is followed", async () => {
    expect(await emailsOf(list("email\na@x.com\n"), { header: false })).toEqual(["email", "a@x.com"]);
    expect(await emailsOf(list("top@x.com,1\na@x.com,2\n"), { header: true })).toEqual(["a@x.com"]);
  });

  test("a preview shows the first rows as they will be read", async () => {
    const { rows } = await inspected(list(`email,n\na@x.com,${"x".repeat(300)}\nb@x.com\n`));
    expect(rows).toEqual([
      ["a@x.com", `${"x".repeat(200)}…`],
      ["b@x.com", ""],
    ]);
  });
});

describe("JSON", () => {
  test.each([
    ["strings", '["a@x.com", "b@x.com"]'],
    ["objects", '[{"id": 1, "email": "a@x.com"}, {"email": "b@x.com", "id": {"deep": "]}"}}]'],
    ["arrays", '[["Anna", "a@x.com"], ["Bob", "b@x.com"]]'],
    ["objects on lines", '{"email":"a@x.com"}\n{"email":"b@x.com","more":null}\n'],
    ["arrays on lines", '["Anna","a@x.com"]\n["Bob","b@x.com"]\n'],
    ["objects over several lines", '{\n "email": "a@x.com"\n}\n{\n "email": "b@x.com"\n}'],
  ])("%s are rows", async (_, text) => {
    expect(await emailsOf(list(text))).toEqual(["a@x.com", "b@x.com"]);
  });

  test("keys become columns, and values text", async () => {
    const source = list('[{"email":"a@x.com","n":1,"o":{"k":[true]}},{"x":null,"email":"b@x.com","n":false}]');
    expect((await inspected(source)).dialect.columns).toEqual(["email", "n", "o", "x"]);
    expect(await rowsOf(source)).toEqual([
      [1, "a@x.com", "a@x.com", "1", '{"k":[true]}', ""],
      [2, "b@x.com", "b@x.com", "false", "", ""],
    ]);
  });

  test.each([
    ["an array that is cut off", '["a@x.com",\n"b@x', "Line 2 is where the array is cut off."],
    ["a broken line", '{"email":"a@x.com"}\n{"email":}\n', "Line 2 is not valid JSON."],
    ["something behind the array", '["a@x.com"]\n\nx', "Line 3 has something after the end of the array."],
    [
      "an array of numbers",
      "[1,2,3]",
      'No column looks like e-mail addresses; name it if there is one. The first record holds "1".',
    ],
    ["lists in lists without end", "[".repeat(10_000), "Line 1 is nested too deeply."],
    ["an empty array", '[""]', "The list is empty."],
  ])("%s is refused", async (_, text, detail) => {
    expect((await refused(list(text))).detail).toBe(detail);
  });
});

describe("files that are not taken", () => {
  const zip = (path: string): Uint8Array => zipSync({ [path]: bytes("<x/>") });
  test.each([
    ["a PDF named .csv", latin("%PDF-1.7\n%\xe2\xe3"), "unsupported", /is a PDF/],
    ["an old workbook", latin("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1........"), "unsupported", /old Excel workbook/],
    ["an image", latin("\x89PNG\r\n\x1a\n\0\0"), "unsupported", /image \(PNG\)/],
    ["a web page", bytes("<!DOCTYPE html><table><tr><td>a@x.com"), "unsupported", /web page/],
    ["XML", bytes('\uFEFF<?xml version="1.0"?><a>a@x.com</a>'), "unsupported", /is XML/],
    ["bytes with zeros", latin("email\na@x.com\n\0\0\0\x01\x02b@x.com\n"), "unsupported", /not text/],
    ["control characters", latin("a@x.com\x01\x02\x03\x04\x05\x06\x07\x08\n"), "unsupported", /not text/],
    ["an empty file", new Uint8Array(0), "empty", /is empty/],
    ["blank lines", bytes("\r\n  \n,,\n"), "empty", /is empty/],
    ["a header alone", bytes("name,email\n"), "empty", /header and no rows/],
    ["no addresses", bytes("name,city\nAnna,Rome\nBob,Paris\n"), "no_address_column", /holds "name", "city"\./],
    [
      "an open quote",
      bytes('email,n\na@x.com,1\n"b@x.com,2\nc@x.com,3\n'),
      "unreadable",
      /A quote that is opened near line 3 is never closed/,
    ],
    [
      "gzip that is cut off",
      gzipSync(bytes("email\na@x.com\nb@x.com\n")).subarray(0, 24),
      "unreadable",
      /gzip file is cut off/,
    ],
    [
      "gzip without its trailer",
      gzipSync(bytes("email\na@x.com\nb@x.com\n")).subarray(0, -4),
      "unreadable",
      /gzip file is cut off/,
    ],
    ["gzip of a PDF", gzipSync(bytes("%PDF-1.7")), "unsupported", /is a PDF/],
    ["gzip of gzip", gzipSync(gzipSync(bytes("a@x.com"))), "unsupported", /another archive/],
    ["a Word document", zip("word/document.xml"), "unsupported", /is a Word document/],
    ["an OpenDocument file", zip("content.xml"), "unsupported", /is an OpenDocument file/],
    ["an archive of lists", zip("list.csv"), "unsupported", /zip archive without a workbook/],
    [
      "10,000 columns",
      bytes(`${Array.from({ length: 10_000 }, () => "c").join(",")}\n`),
      "too_large",
      /10000 columns; at most 1000/,
    ],
    ["one line without end", bytes("x".repeat(400_000)), "unreadable", /first line does not end within 65536 bytes/],
  ])("%s", async (_, source, kind, detail) => {
    const refusal = await refused(memorySource(source));
    expect(refusal.detail).toMatch(detail);
    expect(refusal.kind).toBe(kind);
    expect(refusal.detail).toMatch(/^[A-Z][^\n]*\.$/);
  });

  test("a column that is not there", async () => {
    const source = list("name,email\nAnna,a@x.com\n");
    expect(await refused(source, { column: "mail" })).toEqual({
      kind: "no_such_column",
      detail: 'There is no column "mail". The first record holds "name", "email".',
    });
  });
});

describe("faults beyond the beginning", () => {
  const rows = Array.from({ length: 6_000 }, (_, at) => `user${at}@x.com,${at}\n`).join("");
  const failure = async (text: string): Promise<unknown> => {
    const source = list(text);
    const { dialect } = await inspected(source);
    return batchesOf(source, dialect).then(
      () => "no failure",
      (error: unknown) => String(error),
    );
  };

  test.each([
    [
      "an open quote",
      `email,n\n${rows}"oops,1\n${rows}${rows}${rows}`,
      /near line 6002 is longer than 262144 bytes, or a quote in it is never closed/,
    ],
    ["a quote open to the end", `email,n\n${rows}"oops,1\n`, /quote that is opened near line 6002 is never closed/],
    ["a zero byte", `email,n\n${rows}\0`, /zero byte after line 600[01]/],
    ["too many cells", `email,n\n${rows}${",".repeat(1_000)}x\n`, /Line 6002 has 1001 cells; at most 1000/],
    [
      "a cell that is too long",
      `email,n\n${rows}a@x.com,${"y".repeat(32_769)}\n`,
      /Line 6002 has a cell of more than 32768 characters/,
    ],
  ])("%s is told with its place", async (_, text, message) => {
    expect(await failure(text)).toMatch(message);
  });
});

test("a workbook is known by its content, whatever the name says", async () => {
  const source = memorySource(workbook({ sheets: { One: textRow("email") + textRow("a@x.com") } }));
  expect((await inspected(source)).dialect).toMatchObject({ kind: "xlsx", sheet: "One" });
});
