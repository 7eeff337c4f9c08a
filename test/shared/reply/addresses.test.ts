import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replaceAddresses } from "../../../shared/reply/addresses.ts";
import { matchText } from "../../../shared/reply/normalise.ts";

const ADDRESS = /[^\s<>()[\]{}"',;:=]{1,128}@[^\s<>()[\]{}"',;:=]{1,255}/gu;
const LONG_RUN = /[a-z0-9._+=-]{14,}/g;

describe("addresses in a server's words", () => {
  it.each([
    ["550 5.1.1 <a@b.net>: User unknown", "550 5.1.1 <#>: User unknown"],
    ["no such user: a@b@c.net, sorry", "no such user: #, sorry"],
    ["@ alone, @b and a@ are none", "@ alone, @b and a@ are none"],
    ["to=a@b.net (a@b.net)", "to=# (#)"],
    ["ä@ö.net\u00a0x@y", "#\u00a0#"],
  ])("%s", (text, expected) => {
    expect(replaceAddresses(text, "#")).toBe(expected);
  });

  it("are found as the expression that describes them finds them", () => {
    const piece = fc.constantFrom("@", "a", "b.net", " ", "<", ">", "=", "\u2003", "ü", "😀", "x".repeat(90));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join("");
        expect(replaceAddresses(text, "#")).toBe(text.replace(ADDRESS, "#"));
      }),
      { seed: 11, numRuns: 3_000 },
    );
  });

  it("and so are ids", () => {
    const piece = fc.constantFrom("abcdefg", "1234567", "a", "7", "-", "_", ".", " ", "/", "~");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
        const text = pieces.join("").replace(/\s+/g, " ").trim();
        const expected = text.replace(LONG_RUN, (run) => (/\d/.test(run) ? "#" : run));
        fc.pre(!/[245]\d\d/.test(text) && !/[a-z]_[a-z]/.test(text));
        expect(matchText(text)).toBe(expected);
      }),
      { seed: 12, numRuns: 3_000 },
    );
  });
});
