import { describe, expect, it } from "vitest";
import { PaceBook } from "../../../probe/pace/book.ts";
import { PROFILES } from "../../../probe/pace/profile.ts";
import { providerOfMx } from "../../../shared/providers/index.ts";

const SOURCES = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map((address) => ({ address, helo: `${address}.test.net` }));
const google = providerOfMx("aspmx.l.google.com");
const book = () => new PaceBook(PROFILES.polite, () => 0);

describe("source addresses", () => {
  it("a domain keeps its source, and a deferred item its own", () => {
    const paces = book();
    const keyOf = (source: string) => paces.key(google, "aspmx.l.google.com", source);
    const first = paces.chooseSource(SOURCES, "x.net", null, keyOf);
    expect(paces.chooseSource(SOURCES, "x.net", null, keyOf)).toBe(first);
    expect(paces.chooseSource(SOURCES, "x.net", "127.0.0.4", keyOf)?.address).toBe("127.0.0.4");
  });

  it("rotates away from a source that the operator has paused", () => {
    const paces = book();
    const keyOf = (source: string) => paces.key(google, "aspmx.l.google.com", source);
    const first = paces.chooseSource(SOURCES, "x.net", null, keyOf);
    if (first === null) throw new Error("no source");
    paces.report(keyOf(first.address), { kind: "throttled" });
    expect(paces.chooseSource(SOURCES, "x.net", null, keyOf)).not.toBe(first);
    expect(paces.paused()).toMatchObject([{ operator: google?.id, source: first.address, state: "cool_down" }]);
  });

  it("takes a source out of use once several operators list it", () => {
    const paces = book();
    for (const host of ["a.net", "b.net"]) paces.report(paces.key(null, host, "127.0.0.2"), { kind: "blocked" });
    expect(paces.isQuarantined("127.0.0.2")).toBe(false);
    paces.report(paces.key(null, "c.net", "127.0.0.2"), { kind: "blocked" });
    expect(paces.isQuarantined("127.0.0.2")).toBe(true);
  });

  it("the lab has no caps", () => {
    const paces = new PaceBook(PROFILES.lab, () => 0);
    const key = paces.key(google, "aspmx.l.google.com", "any");
    paces.report(key, { kind: "blocked" });
    expect(paces.grant(key, 10_000, false)).toEqual({ recipients: 10_000, waitMs: null });
  });
});
