import { describe, expect, test } from "vitest";
import { createListReader, type ListFormat } from "../../../edge/jobs/list.ts";
import { sniffCsv } from "../../../edge/jobs/sniff.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const sniff = (text: string | Uint8Array, wanted: string | null = null, whole = true) =>
  sniffCsv(typeof text === "string" ? bytes(text) : text, wanted, whole);

const utf16le = (text: string) => new Uint8Array(Buffer.from(`\ufeff${text}`, "utf16le"));
const utf16be = (text: string) => new Uint8Array(Buffer.from(`\ufeff${text}`, "utf16le").swap16());

describe("a list is understood", () => {
  test.each<[string, string | Uint8Array, Partial<Extract<ListFormat, { kind: "csv" }>>]>([
    ["one column without header", "a@b.co\nc@d.co\n", { delimiter: ",", header: false, column: 0 }],
    ["one row without line end", "a@b.co", { header: false, column: 0 }],
    ["header and commas", "name,email\nJoe,a@b.co\n", { header: true, column: 1 }],
    ["semicolons", "Name;E-Mail;Ort\nJoe;a@b.co;Köln, Mitte\n", { delimiter: ";", header: true, column: 1 }],
    ["tabs", "x\tmail\n1\ta@b.co\n", { delimiter: "\t", column: 1 }],
    ["pipes", "1|a@b.co\n2|c@d.co\n", { delimiter: "|", header: false, column: 1 }],
    ["a byte order mark", "\ufeffemail\na@b.co\n", { encoding: "utf-8", header: true, column: 0 }],
    ["UTF-16, little end first", utf16le("name;email\nJoe;a@b.co\n"), { encoding: "utf-16le", column: 1 }],
    ["UTF-16, big end first", utf16be("name;email\nJoe;a@b.co\n"), { encoding: "utf-16be", column: 1 }],
    ["Windows-1252", Buffer.from("name,email\nJos\xe9,a@b.co\n", "latin1"), { encoding: "windows-1252", column: 1 }],
    ["quoted newlines", '"na\nme",email\n"J\noe",a@b.co\n', { header: true, column: 1 }],
    ["two e-mail columns: the fuller one", "email,backup_email\na@b.co,\nc@d.co,\n", { column: 0 }],
    ["broken addresses under a header that says so", "id,email\n1,nobody\n2,nothing\n", { header: true, column: 1 }],
    ["ragged rows", "a@b.co\nx,c@d.co\n,,e@f.co,g\nh@i.co\n", { column: 0 }],
  ])("%s", async (_, text, format) => {
    expect(await sniff(text)).toMatchObject({ ok: true, value: format });
  });

  test("the caller's column wins, by name or number", async () => {
    const text = "email,contact\na@b.co,x@y.co\n";
    expect(await sniff(text, "Contact")).toMatchObject({ ok: true, value: { column: 1 } });
    expect(await sniff(text, "2")).toMatchObject({ ok: true, value: { column: 1 } });
  });
});

describe("a list is refused", () => {
  test.each<[string, string | Uint8Array, string]>([
    ["no addresses", "name,city\nJoe,Rome\n", "no_address_column"],
    ["nothing", "", "empty_list"],
    ["empty lines only", "\n\n\n", "empty_list"],
    ["a header only", "email\n", "empty_list"],
    ["random bytes", new Uint8Array(500).map((_, i) => (i * 7919) % 256), "list_unreadable"],
    ["NUL bytes", "a@b.co\0\n", "list_unreadable"],
    ["a workbook", new Uint8Array([0x50, 0x4b, 3, 4, 1, 2]), "list_unreadable"],
    ["gzip", new Uint8Array([0x1f, 0x8b, 8, 0]), "list_unreadable"],
    ["a PDF", "%PDF-1.7\n", "list_unreadable"],
  ])("%s", async (_, text, kind) => {
    expect(await sniff(text)).toMatchObject({ ok: false, error: { kind, detail: expect.stringMatching(/\.$|:/) } });
  });

  test("a column that is not there is named, with those that are", async () => {
    const refused = await sniff("email,city\na@b.co,Rome\n", "address");
    expect(refused).toMatchObject({ ok: false, error: { kind: "no_address_column" } });
    expect(!refused.ok && refused.error.detail).toContain("email, city");
  });
});

describe("rows", () => {
  const format: ListFormat = { kind: "csv", encoding: "utf-8", delimiter: ",", header: true, column: 1 };
  const text = '\ufeffname,email\r\n"J\noe",a@b.co\r\n\r\nü,"c""@d.co"\nlast,e@f.co,extra\nshort\n';

  async function rows(from: number, cuts: number): Promise<{ email: string; end: number }[]> {
    const reader = createListReader(format, from);
    const all = bytes(text).slice(from);
    const out = [];
    for (let at = 0; at < all.length; at += cuts) out.push(...(await reader.push(all.slice(at, at + cuts))));
    return [...out, ...(await reader.finish())];
  }

  test("are the same however the bytes are cut", async () => {
    const whole = await rows(0, 10_000);
    expect(whole.map((row) => row.email)).toEqual(["a@b.co", 'c"@d.co', "e@f.co", ""]);
    for (const cut of [1, 2, 3, 7, 16]) expect(await rows(0, cut)).toEqual(whole);
  });

  test("go on from the end of any of them", async () => {
    const whole = await rows(0, 10_000);
    for (const [index, row] of whole.entries()) {
      expect(await rows(row.end, 5)).toEqual(whole.slice(index + 1));
    }
  });

  test("a quote that is never closed breaks the list, with a sentence", async () => {
    const reader = createListReader({ ...format, header: false, column: 0 }, 0);
    await reader.push(bytes('a@b.co\n"c@d.co\n'));
    await expect(reader.finish()).rejects.toThrow("A quoted field after line 1 is never closed.");
  });

  test("of a JSON list are read from any of their ends", async () => {
    const lines = ['"a@b.co"\n', '"x\\ny"\n', '"ü@d.co"\n'].map(bytes);
    const all = new Uint8Array(Buffer.concat(lines));
    const whole = await createListReader({ kind: "json" }, 0).push(all);
    expect(whole.map((row) => row.email)).toEqual(["a@b.co", "x\ny", "ü@d.co"]);
    const reader = createListReader({ kind: "json" }, 0);
    const byOne = [];
    for (const byte of all) byOne.push(...(await reader.push(new Uint8Array([byte]))));
    expect(byOne).toEqual(whole);
    const rest = await createListReader({ kind: "json" }, whole[0]?.end ?? 0).push(all.slice(whole[0]?.end));
    expect(rest).toEqual(whole.slice(1));
  });
});
