import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readForm } from "../../../edge/http/form.ts";
import { boundaryOf, createFormReader, type FormEvent } from "../../../edge/http/multipart.ts";

type Part = { name: string; filename: string | null; bytes: Uint8Array };

/** Feeds a body in pieces cut at `cuts` and puts the parts together. */
function read(body: Uint8Array, boundary: string, cuts: readonly number[]): { parts: Part[]; done: boolean } {
  const reader = createFormReader(boundary);
  const parts: Part[] = [];
  const take = (event: FormEvent): void => {
    if (event.kind === "part") parts.push({ name: event.name, filename: event.filename, bytes: new Uint8Array() });
    const last = parts.at(-1);
    if (event.kind === "data" && last) last.bytes = new Uint8Array([...last.bytes, ...event.bytes]);
  };
  const ends = [...new Set(cuts.map((cut) => cut % (body.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, body.length]) {
    const events = reader.push(body.slice(from, end));
    if (!events.ok) throw new Error(events.error);
    events.value.forEach(take);
    from = end;
  }
  return { parts, done: reader.done };
}

test("a form is read the same however its bytes are cut", async () => {
  // Contents full of what boundaries are made of.
  const content = fc.array(fc.constantFrom("\r", "\n", "-", "--", "\r\n--", "a", "@", "\0", "form"), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat(2_000)),
      async (contents, cuts) => {
        const form = new FormData();
        const texts = contents.map((pieces) => pieces.join(""));
        for (const [i, text] of texts.entries()) form.append(`f${i}`, new Blob([text]), `n${i}.csv`);
        const request = new Response(form);
        const boundary = boundaryOf(request.headers.get("content-type")) ?? "";
        const body = new Uint8Array(await request.arrayBuffer());
        const { parts, done } = read(body, boundary, cuts);
        expect(done).toBe(true);
        expect(parts.map((part) => new TextDecoder().decode(part.bytes))).toEqual(texts);
        expect(parts.map((part) => part.filename)).toEqual(texts.map((_, i) => `n${i}.csv`));
      },
    ),
    { seed: 3, numRuns: 200 },
  );
});

test("any bytes are read or refused, never thrown over", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const reader = createFormReader("b");
      reader.push(new TextEncoder().encode("--b\r\n"));
      expect(() => reader.push(bytes)).not.toThrow();
    }),
    { seed: 4 },
  );
});

describe("an upload form", () => {
  const utf8 = new TextEncoder();
  const sink = () => {
    const kept = {
      bytes: 0,
      async write(chunk: Uint8Array) {
        kept.bytes += chunk.length;
      },
    };
    return kept;
  };
  const post = (body: FormData | Uint8Array<ArrayBuffer>, type?: string) =>
    new Request("http://edge/", { method: "POST", body, ...(type && { headers: { "content-type": type } }) });

  test("hands the file on and collects the fields", async () => {
    const form = new FormData();
    form.append("name", " May ");
    form.append("file", new Blob(["a@b.co\n"]), "x.csv");
    const file = sink();
    const read = await readForm(post(form), file, 100);
    expect(read.ok && [...read.value]).toEqual([["name", "May"]]);
    expect(file.bytes).toBe(7);
  });

  test.each([
    ["no file", '--b\r\ncontent-disposition: form-data; name="x"\r\n\r\n1\r\n--b--'],
    ["no end", '--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n1\r\n'],
    ["no name", "--b\r\ncontent-type: text/plain\r\n\r\n1\r\n--b--"],
    ["junk after a boundary", "--bXX\r\n\r\n1\r\n--b--"],
    ["headers without end", `--b\r\n${"x: y\r\n".repeat(5_000)}`],
    ["two files", '--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n1\r\n'.repeat(2)],
  ])("with %s is malformed", async (_, body) => {
    const read = await readForm(post(utf8.encode(body), "multipart/form-data; boundary=b"), sink(), 1_000_000);
    expect(read).toMatchObject({ ok: false, error: { slug: "malformed_upload" } });
  });

  test("with too large a file is refused", async () => {
    const form = new FormData();
    form.append("file", new Blob(["x".repeat(2_000)]), "x.csv");
    expect(await readForm(post(form), sink(), 1_000)).toMatchObject({ ok: false, error: { slug: "body_too_large" } });
  });
});
