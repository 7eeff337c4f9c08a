import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RETRY_AFTER_MAX_MS, RETRY_JITTER, TIMING } from "../../../probe/courier/limits.ts";
import { nextStep, type Outcome } from "../../../probe/courier/machine.ts";

const NOW = Date.UTC(2026, 10, 20, 12);
const PLAN = TIMING.retryDelaysMs;
const response = (status: number, retryAfter: string | null = null): Outcome => ({
  kind: "response",
  status,
  retryAfter,
  body: "",
});
const stepAfter = (outcome: Outcome, attempt = 1, random = 0.5) => nextStep(outcome, attempt, NOW, random, PLAN);
const delayOf = (outcome: Outcome, attempt = 1, random = 0.5) =>
  (stepAfter(outcome, attempt, random).nextAtMs ?? 0) - NOW;

const anyFailure = fc.oneof(
  fc.record({
    kind: fc.constant("response" as const),
    status: fc.integer({ min: 300, max: 599 }).filter((s) => s !== 410),
    retryAfter: fc.oneof(fc.constant(null), fc.string(), fc.nat().map(String), fc.date().map(String)),
    body: fc.constant(""),
  }),
  fc.constantFrom<Outcome>({ kind: "timeout", stage: "connect" }, { kind: "network", code: "ECONNRESET" }),
  fc.constant<Outcome>({ kind: "address-refused" }),
);
const random = fc.double({ min: 0, max: 1, noNaN: true });

describe("the retry plan", () => {
  it("ends at any 2xx and nowhere else below the last attempt", () => {
    for (const status of [200, 201, 202, 204, 299]) expect(stepAfter(response(status)).state).toBe("delivered");
    for (const status of [301, 400, 401, 404, 418, 500, 503]) expect(stepAfter(response(status)).state).toBe("pending");
  });

  it("is dead at once after 410 Gone or a refused URL", () => {
    expect(stepAfter(response(410))).toMatchObject({ state: "dead", nextAtMs: null });
    expect(stepAfter({ kind: "url-refused", detail: "no" })).toEqual({ state: "dead", nextAtMs: null, error: "no" });
  });

  it("says that redirects are not followed", () => {
    expect(stepAfter(response(302)).error).toContain("redirects are not followed");
  });

  it("tries over days: twelve attempts within five days", () => {
    const total = PLAN.reduce((sum, delay) => sum + delay, 0);
    expect(PLAN.length + 1).toBe(12);
    expect(total).toBeGreaterThan(3 * 86_400_000);
    expect(total).toBeLessThan(5 * 86_400_000);
  });

  it("any failure waits its delay within the jitter, or longer where the receiver asked, and dies after the last", () => {
    fc.assert(
      fc.property(anyFailure, fc.integer({ min: 1, max: 20 }), random, (outcome, attempt, dice) => {
        const next = nextStep(outcome, attempt, NOW, dice, PLAN);
        const base = PLAN[attempt - 1];
        expect(next.error).not.toBeNull();
        if (base === undefined) {
          expect(next).toMatchObject({ state: "dead", nextAtMs: null });
          return;
        }
        const delay = (next.nextAtMs ?? 0) - NOW;
        expect(next.state).toBe("pending");
        expect(delay).toBeGreaterThanOrEqual(Math.floor(base * (1 - RETRY_JITTER)));
        expect(delay).toBeLessThanOrEqual(Math.max(Math.ceil(base * (1 + RETRY_JITTER)), RETRY_AFTER_MAX_MS));
        expect(Number.isInteger(delay)).toBe(true);
      }),
      { seed: 11, numRuns: 1_000 },
    );
  });

  it("later attempts never wait less than earlier ones, whatever the jitter", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: PLAN.length - 1 }), random, random, (attempt, a, b) => {
        expect(delayOf(response(500), attempt + 1, a)).toBeGreaterThanOrEqual(delayOf(response(500), attempt, b));
      }),
      { seed: 12 },
    );
  });

  it("spreads the retries of an outage", () => {
    expect(delayOf(response(500), 1, 0)).toBe(4_000);
    expect(delayOf(response(500), 1, 1)).toBe(6_000);
  });

  it("honours Retry-After of 429 and 503, in seconds and as a date, up to a day", () => {
    expect(delayOf(response(429, "120"))).toBe(120_000);
    expect(delayOf(response(503, new Date(NOW + 90_000).toUTCString()))).toBe(90_000);
    expect(delayOf(response(503, "99999999"))).toBe(RETRY_AFTER_MAX_MS);
  });

  it("ignores Retry-After that is unreadable, in the past, sooner than the plan, or on another status", () => {
    for (const text of ["soon", "-5", "1", "", new Date(NOW - 90_000).toUTCString()]) {
      expect(delayOf(response(503, text))).toBe(5_000);
    }
    expect(delayOf(response(500, "120"))).toBe(5_000);
  });

  it("an attempt that we cut short is repeated at once, even the last one", () => {
    expect(stepAfter({ kind: "interrupted" }, PLAN.length + 1)).toMatchObject({ state: "pending", nextAtMs: NOW });
  });
});
