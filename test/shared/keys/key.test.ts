import fc from "fast-check";
import { expect, test } from "vitest";
import { base62, formatKey, parseKey } from "../../../shared/keys/key.ts";

const key = fc
  .tuple(fc.constantFrom("live" as const, "test" as const), fc.uint8Array({ minLength: 96, maxLength: 96, max: 247 }))
  .map(([mode, random]) => ({
    mode,
    id: base62(random, 12),
    text: formatKey(mode, base62(random, 12), base62(random.subarray(30), 32)),
  }));

test("a key tells its mode and id", () => {
  fc.assert(
    fc.property(key, ({ mode, id, text }) => {
      expect(parseKey(text)).toEqual({ ok: true, value: { mode, id } });
    }),
    { seed: 1 },
  );
});

test("any one changed character is noticed", () => {
  const change = fc.tuple(key, fc.nat(), fc.constantFrom(..."0123456789abcXYZ"));
  fc.assert(
    fc.property(change, ([{ text }, at, character]) => {
      const place = 8 + (at % (text.length - 8));
      fc.pre(text[place] !== character && text[place] !== "_");
      expect(parseKey(text.slice(0, place) + character + text.slice(place + 1))).toEqual({
        ok: false,
        error: "checksum",
      });
    }),
    { seed: 2, numRuns: 500 },
  );
});

test("what has not the form of a key is said to have none", () => {
  for (const text of ["", "ev_live_", "ev_prod_abc", "pt_x_y", "ev_live_short_abc"]) {
    expect(parseKey(text)).toEqual({ ok: false, error: "shape" });
  }
});

test("text of base 62 needs enough random bytes", () => {
  expect(() => base62(new Uint8Array(3), 4)).toThrow("too few");
  expect(base62(new Uint8Array([0, 61, 62, 255, 5]), 4)).toBe("0z05");
});
