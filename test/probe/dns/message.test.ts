import { type Answer, encode } from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeQuery, messageId, readAnswer } from "../../../probe/dns/message.ts";

const message = (answers: Answer[], more: { flags?: number; authorities?: Answer[]; name?: string } = {}): Buffer =>
  encode({
    type: "response",
    id: 1,
    flags: more.flags ?? 0x180,
    questions: [{ type: "MX", name: more.name ?? "x.net" }],
    answers,
    authorities: more.authorities ?? [],
  });
const mx = (name: string, exchange: string, ttl = 100): Answer => ({
  type: "MX",
  name,
  ttl,
  data: { preference: 10, exchange },
});
const soa = (ttl: number, minimum: number): Answer => ({
  type: "SOA",
  name: "net",
  ttl,
  data: { mname: "a.net", rname: "b.net", serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});

describe("reading answers", () => {
  it("takes records of the asked name and type, lower-cased, with the smallest TTL within bounds", () => {
    const answer = readAnswer(
      message([mx("X.net", "MX1.x.net", 100), mx("x.net", "mx2.x.net", 50), mx("other.net", "evil.net")]),
      "x.net",
      "MX",
    );
    expect(answer).toEqual({
      kind: "records",
      records: [
        { preference: 10, exchange: "mx1.x.net" },
        { preference: 10, exchange: "mx2.x.net" },
      ],
      ttlMs: 50_000,
    });
    expect(readAnswer(message([mx("x.net", "a.net", 0)]), "x.net", "MX")).toMatchObject({ ttlMs: 30_000 });
  });

  it("follows aliases inside the answer and asks on where they leave it", () => {
    const alias: Answer = { type: "CNAME", name: "x.net", ttl: 60, data: "y.net" };
    expect(readAnswer(message([alias, mx("y.net", "mx.y.net")]), "x.net", "MX")).toMatchObject({
      kind: "records",
      ttlMs: 60_000,
    });
    expect(readAnswer(message([alias]), "x.net", "MX")).toEqual({ kind: "alias", target: "y.net" });
    const loop: Answer = { type: "CNAME", name: "y.net", ttl: 60, data: "x.net" };
    expect(readAnswer(message([alias, loop]), "x.net", "MX")).toEqual({ kind: "servfail" });
  });

  it("tells no name, no data and a referral apart, and takes their TTL from the SOA", () => {
    expect(readAnswer(message([], { flags: 0x183, authorities: [soa(900, 60)] }), "x.net", "MX")).toEqual({
      kind: "nxdomain",
      ttlMs: 60_000,
    });
    expect(readAnswer(message([], { authorities: [soa(900, 99_999)] }), "x.net", "MX")).toEqual({
      kind: "nodata",
      ttlMs: 900_000,
    });
    expect(
      readAnswer(message([], { authorities: [{ type: "NS", name: "x.net", ttl: 1, data: "ns.net" }] }), "x.net", "MX"),
    ).toEqual({ kind: "lame" });
  });

  it.each([
    [0x182, "servfail"],
    [0x185, "lame"],
    [0x184, "lame"],
    [0x380, "truncated"],
  ])("reads flags %i as %s", (flags, kind) => {
    expect(readAnswer(message([], { flags }), "x.net", "MX")?.kind).toBe(kind);
  });

  it("ignores what answers another question, or is a question itself", () => {
    expect(readAnswer(message([], { name: "y.net" }), "x.net", "MX")).toBeNull();
    expect(readAnswer(encodeQuery(1, "x.net", "MX"), "x.net", "MX")).toBeNull();
  });

  it("never throws, whatever comes", () => {
    const base = message([mx("x.net", "mx.x.net")]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(base.length),
        (edits, cut) => {
          const bytes = Buffer.from(base.subarray(0, cut));
          for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
          if (messageId(bytes) !== null) readAnswer(bytes, "x.net", "MX");
        },
      ),
      { seed: 3, numRuns: 5_000 },
    );
  });
});
