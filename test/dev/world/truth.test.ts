import { describe, expect, test } from "vitest";
import { catalogue, worldList } from "../../../dev/world/list.ts";
import { mailboxKind } from "../../../dev/world/truth.ts";

describe("local parts", () => {
  test.each([
    ["user123456789", "exists"],
    ["Alice.Smith", "exists"],
    ["someone.else", "exists"],
    ["postmaster", "role"],
    ["nobody1", "unknown"],
    ["user.no-such", "unknown"],
    ["zq1x2c3v4b5n", "unknown"],
    ["gone7", "gone"],
    ["full7", "full"],
    ["grey7", "grey"],
  ])("%s is %s", (local, kind) => {
    expect(mailboxKind(local)).toBe(kind);
  });
});

describe("lists", () => {
  test("the same seed gives the same list, another one another", () => {
    expect([...worldList(500, 7)]).toEqual([...worldList(500, 7)]);
    expect([...worldList(500, 7)]).not.toEqual([...worldList(500, 8)]);
  });

  test("every address is there once, and every personality is covered", () => {
    const list = [...worldList(2_000, 1, { slow: true, unsafe: true })];
    expect(new Set(list.map(({ email }) => email)).size).toBe(2_000);
    const domains = new Set(list.map(({ email }) => email.slice(email.indexOf("@") + 1)));
    for (const { name } of catalogue()) {
      const seen = [...domains].some((domain) => domain === `${name}.mailworld.net` || domain.startsWith(`${name}-`));
      expect(seen, name).toBe(true);
    }
  });

  test("what takes long or is not safe stays out unless asked for", () => {
    const left = new Set(
      catalogue()
        .filter(({ slow, unsafe }) => slow || unsafe)
        .map(({ name }) => name),
    );
    for (const { email } of worldList(1_000, 3)) {
      const label = email.slice(email.indexOf("@") + 1).split(".", 1)[0] ?? "";
      expect(left.has(label.replace(/-\d+$/, ""))).toBe(false);
    }
  });
});
