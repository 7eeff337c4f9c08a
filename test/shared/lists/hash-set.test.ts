import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHashSet } from "../../../dev/lists/encode.ts";
import { cleanName, pickDisposable } from "../../../dev/lists/pick.ts";
import { decodeHashSet, hasDomainOrParent, hasExact } from "../../../shared/lists/hash-set.ts";

const setOf = (members: Iterable<string>, lowBits = 30) => decodeHashSet(encodeHashSet(members, lowBits));

describe("the hash set", () => {
  test("holds what was put in and nothing near it, for any number of members and bits", () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,12}\.[a-z]{2,6}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { maxLength: 60 }),
        name,
        fc.integer({ min: 20, max: 31 }),
        (members, other, bits) => {
          const set = setOf(members, bits);
          expect(members.every((member) => hasExact(set, member))).toBe(true);
          expect(hasExact(set, other)).toBe(members.includes(other));
        },
      ),
      { seed: 7, numRuns: 60 },
    );
  });

  test("finds names below a member, but not below an exact one, and never by a top-level domain", () => {
    const set = setOf(["a.org", "=b.net", "com"]);
    const found = ["a.org", "x.a.org", "y.x.a.org", "b.net", "x.b.net", "xa.org", "c.com"].filter((name) =>
      hasDomainOrParent(set, name),
    );
    expect(found).toEqual(["a.org", "x.a.org", "y.x.a.org", "b.net"]);
  });
});

describe("what becomes of a list's entry", () => {
  test.each([
    [" *.Mail.ORG ", "mail.org"],
    ["@mail.org", "mail.org"],
    ["bücher.org", "xn--bcher-kva.org"],
    ["# comment", null],
    ["nodot", null],
    ["a b.org", null],
  ])("%j: %s", (entry, expected) => {
    expect(cleanName(entry)).toBe(expected);
  });

  test("legitimate names go, public suffixes stand for themselves, children of listed names are left out", () => {
    const listed = new Set([
      "bad.org",
      "x.bad.org",
      "good.org",
      "x.good.org",
      "pp.ua",
      "gmail.com",
      "uni.edu",
      "doubt.org",
    ]);
    const policy = {
      allowed: new Set(["good.org", "gmail.com"]),
      curated: new Set<string>(),
      doubted: new Set(["doubt.org"]),
    };
    expect([...pickDisposable(listed, policy)].sort()).toEqual(["=pp.ua", "bad.org"]);
  });

  test("the word of a curated list stands for a school's domain", () => {
    const policy = { allowed: new Set<string>(), curated: new Set(["fake.edu"]), doubted: new Set<string>() };
    expect([...pickDisposable(new Set(["fake.edu", "real.edu"]), policy)]).toEqual(["fake.edu"]);
  });
});
