import { describe, expect, test } from "vitest";
import { type DomainPast, findingOfPast, metAt } from "../../../probe/check/past.ts";
import type { Finding } from "../../../shared/verdict/types.ts";

const HOUR_MS = 3_600_000;
const finding = (reason: Finding["reason"], rule: string, code: number | null = null): Finding => ({
  reason,
  rule,
  reply: code === null ? null : { code, enhanced: null, text: "", stage: "rcpt", host: "mx.example" },
  retryAfterMs: 600_000,
  flags: [],
});
const refused = finding("connect_failed", "connect-failed");
const silent = finding("connect_failed", "connect-timeout");
const relay = finding("relay_denied", "relay-denied", 554);
const met = (...subjects: Finding[][]) => metAt(subjects.map((findings) => ({ findings })));

describe("what a visit amounts to", () => {
  test("nobody reached, at any host, or no DNS", () => {
    expect(met([refused, silent], [silent])).toBe("unreachable");
    expect(met([finding("dns_error", "dns-servfail")])).toBe("unreachable");
  });

  test("any answer is an answer: an acceptance, a refusal of us, a temporary error", () => {
    expect(met([refused, finding("accepted", "accepted", 250)])).toBe("reached");
    expect(met([silent], [finding("probe_blocklisted", "blocklist", 554)])).toBe("reached");
    expect(met([relay], [finding("mailbox_not_found", "unknown-user", 550)])).toBe("reached");
  });

  test("relay denied, to all of them", () => {
    expect(met([relay], [relay])).toBe("relay_denied");
    expect(met([relay], [silent])).toBeNull();
  });

  test("an address turned away at connect or before the banner, where the domain has no MX", () => {
    const turnedAway = {
      ...refused,
      reply: { code: null, enhanced: null, text: "ECONNREFUSED", stage: "connect", host: "x" },
    } as const;
    const mute = finding("disconnected", "closed-banner");
    const at = (implicit: boolean, ...all: Finding[]) => metAt([{ findings: all }], implicit);
    expect(at(true, turnedAway)).toBe("reset");
    expect(at(true, turnedAway, mute)).toBe("reset");
    expect(at(true, turnedAway, silent)).toBeNull();
    expect(at(true, silent)).toBe("unreachable");
    expect(at(false, turnedAway)).toBe("unreachable");
    expect(at(false, mute)).toBeNull();
  });

  test("our own trouble, and what broke off, count for nothing", () => {
    expect(met([finding("port25_blocked", "nobody-reached")])).toBeNull();
    expect(met([finding("connect_failed", "no-common-address-family")])).toBeNull();
    expect(met([silent], [finding("rate_limited", "paused")])).toBeNull();
    expect(met([finding("timeout", "timeout-banner")])).toBeNull();
    expect(met([])).toBeNull();
  });
});

describe("what the past makes of it", () => {
  const past = (more: Partial<DomainPast>): DomainPast => ({
    visits: 4,
    regions: 2,
    ageMs: 120 * HOUR_MS,
    elsewhereMs: 24 * HOUR_MS,
    ...more,
  });

  test("four visits over five days from two networks: the domain is dead", () => {
    const dead = findingOfPast("unreachable", past({}), silent);
    expect(dead).toMatchObject({ reason: "domain_dead", rule: "unreachable-for-days", retryAfterMs: null });
  });

  test.each([{ visits: 3 }, { regions: 1 }, { ageMs: 120 * HOUR_MS - 1 }])("not with %o", (more) => {
    expect(findingOfPast("unreachable", past(more), silent)).toBeNull();
  });

  test("a second network turned away a quarter of an hour later: no mail host", () => {
    const apart = (elsewhereMs: number | null) => findingOfPast("reset", past({ visits: 2, elsewhereMs }), refused);
    expect(apart(900_000)).toMatchObject({ reason: "no_mail_host", rule: "implicit-mx-resets", retryAfterMs: null });
    expect(apart(899_999)).toBeNull();
    expect(apart(null)).toBeNull();
  });

  test("a second network agreeing a day later: nobody serves the domain", () => {
    expect(findingOfPast("relay_denied", past({ visits: 2 }), relay)).toMatchObject({ reason: "no_mail_host" });
    expect(findingOfPast("relay_denied", past({ elsewhereMs: 24 * HOUR_MS - 1 }), relay)).toBeNull();
    expect(findingOfPast("relay_denied", past({ elsewhereMs: null }), relay)).toBeNull();
  });
});
