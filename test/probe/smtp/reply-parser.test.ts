import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REPLY_LINE_MAX_CHARS, REPLY_LINES_MAX } from "../../../probe/limits.ts";
import { type Parsed, ReplyParser } from "../../../probe/smtp/reply-parser.ts";

const readAll = (...chunks: string[]): Parsed[] => {
  const parser = new ReplyParser();
  const found: Parsed[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    for (let next = parser.next(); next !== null; next = parser.next()) {
      found.push(next);
      if ("fault" in next) return found;
    }
  }
  return found;
};

describe("reading replies", () => {
  it.each<[string, string, Parsed[]]>([
    ["a plain reply", "250 2.1.5 Ok\r\n", [{ reply: { code: 250, text: "2.1.5 Ok" } }]],
    ["several lines of one reply", "250-a\r\n250-b\r\n250 c\r\n", [{ reply: { code: 250, text: "a\nb\nc" } }]],
    ["a bare line feed", "250 Ok\n", [{ reply: { code: 250, text: "Ok" } }]],
    ["three digits alone", "250\r\n", [{ reply: { code: 250, text: "" } }]],
    ["a last line of three digits", "250-a\r\n250\r\n", [{ reply: { code: 250, text: "a\n" } }]],
    [
      "two replies in one piece",
      "250 a\r\n550 b\r\n",
      [{ reply: { code: 250, text: "a" } }, { reply: { code: 550, text: "b" } }],
    ],
    ["an unfinished line", "250 a", []],
    ["no code", "hello\r\n", [{ fault: "not_a_reply" }]],
    ["a code that SMTP does not have", "999 x\r\n", [{ fault: "not_a_reply" }]],
    ["a preliminary code", "150 x\r\n", [{ fault: "not_a_reply" }]],
    ["another separator", "250\tx\r\n", [{ fault: "not_a_reply" }]],
    ["an empty line", "\r\n", [{ fault: "not_a_reply" }]],
    ["codes that differ within a reply", "250-a\r\n550 b\r\n", [{ fault: "codes_differ" }]],
    ["a line without an end", `250 ${"x".repeat(REPLY_LINE_MAX_CHARS)}`, [{ fault: "line_too_long" }]],
    ["a reply without an end", "250-x\r\n".repeat(REPLY_LINES_MAX + 1), [{ fault: "reply_too_long" }]],
  ])("%s", (_name, text, expected) => {
    expect(readAll(text)).toEqual(expected);
  });

  it("does not depend on where the stream is cut", () => {
    const line = fc.tuple(fc.integer({ min: 200, max: 599 }), fc.boolean(), fc.string({ maxLength: 40 }));
    const stream = fc
      .array(line, { maxLength: 12 })
      .map((lines) => lines.map(([c, last, t]) => `${c}${last ? " " : "-"}${t.replaceAll("\n", "")}\r\n`).join(""));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 8 }), (text, cuts) => {
        const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
        const chunks: string[] = [];
        let from = 0;
        for (const place of [...places, text.length]) {
          chunks.push(text.slice(from, place));
          from = place;
        }
        expect(readAll(...chunks)).toEqual(readAll(text));
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });

  it("tells whether anything follows a reply", () => {
    const parser = new ReplyParser();
    parser.push("220 go\r\n250 smuggled\r\n");
    parser.next();
    expect(parser.hasRest).toBe(true);
    parser.next();
    expect(parser.hasRest).toBe(false);
  });
});
