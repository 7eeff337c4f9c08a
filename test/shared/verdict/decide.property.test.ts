import fc from "fast-check";
import { expect, test } from "vitest";
import { decide } from "../../../shared/verdict/decide.ts";
import { verdictSchema } from "../../../shared/verdict/schema.ts";
import type { Finding } from "../../../shared/verdict/types.ts";
import { REASON_RANK, REASON_TABLE, REASONS } from "../../../shared/verdict/vocabulary.ts";
import { evidenceOf, factsOf, found, NOW_MS } from "./fixtures.ts";

const reasonArb = fc.constantFrom(...REASONS);
const findingArb: fc.Arbitrary<Finding> = fc
  .record({
    reason: reasonArb,
    flags: fc.subarray(["mailbox_full", "disabled", "forwarded", "moved", "soft_code", "exists"] as const),
    retryAfterMs: fc.option(fc.nat(10_000_000)),
  })
  .map(({ reason, flags, retryAfterMs }) => found(reason, { flags, retryAfterMs }));
const evidenceArb = fc
  .record({
    findings: fc.array(findingArb, { maxLength: 6 }),
    disposable: fc.boolean(),
    role: fc.boolean(),
    noReply: fc.boolean(),
    typosquat: fc.boolean(),
    random: fc.boolean(),
    parked: fc.boolean(),
    suppressed: fc.boolean(),
    rule: fc.constantFrom(null, { id: "a", kind: "allow" as const }, { id: "b", kind: "block" as const }),
    catchAll: fc.option(
      fc.record({
        answer: fc.constantFrom("yes" as const, "no" as const, "unknown" as const),
        confidence: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    ),
    acceptsThenBounces: fc.boolean(),
    outcome: fc.constantFrom(null, "delivered" as const, "bounced" as const),
  })
  .map((given) =>
    evidenceOf({
      findings: given.findings,
      facts: factsOf({
        flags: { disposable: given.disposable, role: given.role, no_reply: given.noReply },
        typosquat: given.typosquat,
        randomLooking: given.random,
      }),
      parked: given.parked,
      suppressed: given.suppressed,
      tenantRule: given.rule,
      catchAll: given.catchAll,
      acceptsThenBounces: given.acceptsThenBounces,
      outcome: given.outcome,
    }),
  );
const SETTINGS = { seed: 20_261_120, numRuns: 3_000 };

test("the reason is the first of all reasons that apply, and they stand in the total order", () => {
  fc.assert(
    fc.property(evidenceArb, (evidence) => {
      const { reason, reasons } = decide(evidence, { roleIsRisky: false }, NOW_MS);
      expect(reasons[0]).toBe(reason);
      const ranks = reasons.map((each) => REASON_RANK[each]);
      expect(ranks).toEqual([...new Set(ranks)].sort((a, b) => a - b));
    }),
    SETTINGS,
  );
});

test("the status follows from the reason, and the score stays inside the bounds of its status", () => {
  const bounds = { undeliverable: [0, 5], unknown: [10, 70], risky: [5, 79], deliverable: [50, 100] } as const;
  fc.assert(
    fc.property(evidenceArb, (evidence) => {
      const { reason, status, score } = decide(evidence, { roleIsRisky: false }, NOW_MS);
      expect(status).toBe(REASON_TABLE[reason].status);
      const forbidden = reason === "blocked_by_rule" || reason === "suppressed";
      const [low, high] = forbidden ? [0, 0] : bounds[status];
      expect(score).toBeGreaterThanOrEqual(low);
      expect(score).toBeLessThanOrEqual(high);
    }),
    SETTINGS,
  );
});

test("trouble on our side, however much of it, is never undeliverable", () => {
  const ours = REASONS.filter((reason) => REASON_TABLE[reason].status === "unknown");
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...ours), { minLength: 1, maxLength: 6 }), (reasons) => {
      const findings = reasons.map((reason) => found(reason));
      expect(decide(evidenceOf({ findings }), { roleIsRisky: false }, NOW_MS).status).toBe("unknown");
    }),
    SETTINGS,
  );
});

test("trouble after an answer changes neither status nor reason", () => {
  const trouble = REASONS.filter((reason) => REASON_TABLE[reason].status === "unknown" && reason !== "inconsistent");
  const answers = ["accepted", "mailbox_not_found", "mailbox_full", "restricted", "mailbox_disabled"] as const;
  fc.assert(
    fc.property(fc.constantFrom(...answers), fc.array(fc.constantFrom(...trouble)), (answer, after) => {
      const alone = decide(evidenceOf({ findings: [found(answer)] }), { roleIsRisky: false }, NOW_MS);
      const findings = [found(answer), ...after.map((reason) => found(reason))];
      const both = decide(evidenceOf({ findings }), { roleIsRisky: false }, NOW_MS);
      expect(both.reason).toBe(alone.reason);
      expect(both.status).toBe(alone.status);
    }),
    SETTINGS,
  );
});

test("every verdict fits its schema", () => {
  fc.assert(
    fc.property(evidenceArb, (evidence) => {
      const verdict = decide(evidence, { roleIsRisky: true }, NOW_MS);
      expect(verdictSchema.parse(verdict)).toEqual(verdict);
    }),
    { ...SETTINGS, numRuns: 500 },
  );
});
