import fc from "fast-check";
import { expect, it } from "vitest";
import { pathOf, plainPath } from "../../../probe/smtp/path.ts";
import { parseAddress } from "../../../shared/address/parse.ts";

it("no parsed address, however quoted, can carry a second command", () => {
  const nasty = fc.string({
    unit: fc.constantFrom("a", "\r", "\n", "\0", '"', "\\", "<", ">", " ", "@", ".", "é", "\u2028", "\u0085"),
    maxLength: 30,
  });
  fc.assert(
    fc.property(nasty, (text) => {
      const parsed = parseAddress(text);
      if (!parsed.ok) return;
      const path = pathOf(parsed.value);
      if (path !== null) expect(path).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    }),
    { seed: 11, numRuns: 20_000 },
  );
});

it.each(["a@b.de\r\nRCPT TO:<x@y.de>", "a b@c.de", "a>b@c.de", "a@b.de\0", `${"a".repeat(330)}@b.de`])(
  "refuses %j as a plain path",
  (text) => {
    expect(plainPath(text)).toBeNull();
  },
);

it("takes the null sender and ordinary addresses", () => {
  expect(plainPath("")).toBe("");
  expect(plainPath("probe@example.net")).toBe("probe@example.net");
});
