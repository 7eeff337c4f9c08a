import { describe, expect, it } from "vitest";
import { PaceBook, type PaceKey } from "../../../probe/pace/book.ts";
import { PROFILES } from "../../../probe/pace/profile.ts";
import { providerOfMx } from "../../../shared/providers/index.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SOURCE = "127.0.0.2";

function bookAt() {
  const clock = { nowMs: 0 };
  const paces = new PaceBook(PROFILES.polite, () => clock.nowMs);
  const tenant = (host: string): PaceKey => paces.key(providerOfMx(host), host, SOURCE);
  return { clock, paces, tenant };
}

/** Recipients granted in a time to somebody who always wants more. */
function grantedWithin(paces: PaceBook, key: PaceKey, clock: { nowMs: number }, forMs: number): number {
  const endMs = clock.nowMs + forMs;
  let granted = 0;
  while (clock.nowMs < endMs) {
    const { recipients, waitMs } = paces.grant(key, 100, false);
    granted += recipients;
    if (recipients === 0) clock.nowMs += waitMs ?? forMs;
  }
  return granted;
}

const DIRTY = "dirty.mail.protection.outlook.com";
const CLEAN = "clean.mail.protection.outlook.com";
const home = (replies: number, refused: number) =>
  Array.from({ length: replies }, (_, i) => ({ reply: { code: i < refused ? 550 : 250 } }));

describe("unknown users", () => {
  it("most of them at one tenant pause that tenant for an hour, and not its operator", () => {
    const { clock, paces, tenant } = bookAt();
    paces.report(tenant(DIRTY), { kind: "answers", replies: 60, unknown: 40 });
    expect(paces.pausedFor(tenant(DIRTY))).toBe(HOUR);
    expect(paces.grant(tenant(DIRTY), 1, true)).toEqual({ recipients: 0, waitMs: null });
    expect(paces.pausedFor(tenant(CLEAN))).toBe(0);
    expect(paces.grant(tenant(CLEAN), 1, false).recipients).toBe(1);
    clock.nowMs = HOUR;
    expect(paces.pausedFor(tenant(DIRTY))).toBe(0);
  });

  it("a third of them halves the rate at that host alone", () => {
    const { clock, paces, tenant } = bookAt();
    paces.report(tenant(DIRTY), { kind: "answers", replies: 30, unknown: 12 });
    const slow = grantedWithin(paces, tenant(DIRTY), clock, 10 * MINUTE);
    expect(slow).toBeGreaterThan(550);
    expect(slow).toBeLessThan(650);
    const full = grantedWithin(paces, tenant(CLEAN), clock, 10 * MINUTE);
    expect(full).toBeGreaterThan(1_150);
  });

  it("a few replies say nothing yet", () => {
    const { paces, tenant } = bookAt();
    paces.report(tenant(DIRTY), { kind: "answers", replies: 10, unknown: 10 });
    expect(paces.pausedFor(tenant(DIRTY))).toBe(0);
  });

  it.each([
    ["mx.somebody.net", 60],
    ["mx1.customer.iphmx.com", 8],
  ])("%s bears %i an hour, whatever their share", (host, most) => {
    const { clock, paces, tenant } = bookAt();
    const key = tenant(host);
    paces.report(key, { kind: "answers", replies: 1_000, unknown: most - 1 });
    expect(paces.grant(key, 5, false).recipients).toBe(1);
    paces.report(key, { kind: "answers", replies: 1, unknown: 1 });
    expect(paces.pausedFor(key)).toBe(HOUR);
    clock.nowMs = HOUR;
    expect(paces.pausedFor(key)).toBe(0);
  });

  it("counts refusals before anybody has read them, so that one long visit does not run past the cap", () => {
    const { paces, tenant } = bookAt();
    const key = tenant("mx.somebody.net");
    const { answered } = paces.hostPace(key);
    for (let i = 0; i < 6; i += 1) answered(10, 10);
    expect(paces.grant(key, 10, false)).toEqual({ recipients: 0, waitMs: null });
    paces.over(key, home(60, 60));
    expect(paces.pausedFor(key)).toBe(0);
    // They turn out to have been about something else: a full mailbox, a policy.
    paces.report(key, { kind: "answers", replies: 60, unknown: 3 });
    expect(paces.pausedFor(key)).toBe(0);
  });

  it("are no reason to ask the host from another address instead", () => {
    const { paces } = bookAt();
    const sources = [SOURCE, "127.0.0.3"].map((address) => ({ address, helo: "probe.test" }));
    const keyOf = (source: string) => paces.key(null, "mx.somebody.net", source);
    const first = paces.chooseSource(sources, "somebody.net", null, keyOf);
    if (first === null) throw new Error("no source");
    paces.report(keyOf(first.address), { kind: "answers", replies: 60, unknown: 60 });
    expect(paces.chooseSource(sources, "somebody.net", null, keyOf)).toBe(first);
  });
});
