import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { detailOf, storable, storableJson, verdictOf } from "../../../edge/data/verdict-row.ts";
import { redactLine } from "../../../edge/log.ts";
import { keptFor } from "../../../edge/verify/cache.ts";
import { addressFacts } from "../../../shared/address/facts.ts";
import { decide, emptyEvidence } from "../../../shared/verdict/decide.ts";
import { sandboxVerdict } from "../../../shared/verdict/sandbox.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import { REASON_TABLE, REASONS } from "../../../shared/verdict/vocabulary.ts";

const NOW = Date.UTC(2026, 10, 20, 12);

/** What Postgres hands back for a verdict that was stored. */
const stored = (verdict: Verdict) => ({
  ...verdict,
  checked_at: new Date(verdict.checked_at),
  detail: JSON.parse(detailOf(verdict)),
});

const sandbox = (reason: string): Verdict => {
  const verdict = sandboxVerdict(`${reason.replaceAll("_", "-")}@sandbox.test`, NOW);
  if (verdict === null) throw new Error(`no sandbox verdict for ${reason}`);
  return verdict;
};

describe("a stored verdict", () => {
  test.each([...REASONS])("of reason %s reads back as it was", (reason) => {
    const verdict = sandbox(reason);
    expect(verdictOf(stored(verdict))).toEqual(verdict);
  });

  test("of any text reads back as it was, but for characters that Postgres cannot hold", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const verdict = decide(emptyEvidence(addressFacts(text), "edge"), { roleIsRisky: false }, NOW);
        const back = verdictOf({ ...stored(verdict), email: storable(verdict.email) });
        expect(back).toEqual(JSON.parse(storableJson(verdict)));
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

test("nothing that Postgres refuses is left in a text", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("\0", "\ud800", "\udc00", "\ud83d\ude00", "\\u0000", "a"), { maxLength: 12 }),
      (pieces) => {
        const json = storableJson({ text: pieces.join("") });
        const { text } = JSON.parse(json) as { text: string };
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toContain("\0");
        expect(text.split("\\u0000").length).toBe(pieces.filter((piece) => piece === "\\u0000").length + 1);
      },
    ),
    { seed: 8 },
  );
});

describe("how long a verdict is kept", () => {
  test.each([...REASONS].filter((reason) => REASON_TABLE[reason].fault === "ours"))(
    "our own %s: not at all",
    (reason) => {
      expect(keptFor({ ...sandbox(reason), retry_after: 600 })).toBeNull();
    },
  );

  test("a host's answer about the mailbox: a week; catch-all: a day; theirs: until it may be asked again", () => {
    expect(keptFor(sandbox("accepted"))).toBe(7 * 86_400);
    expect(keptFor(sandbox("mailbox_not_found"))).toBe(7 * 86_400);
    expect(keptFor(sandbox("catch_all"))).toBe(86_400);
    expect(keptFor({ ...sandbox("greylisted"), retry_after: 360 })).toBe(360);
    expect(keptFor({ ...sandbox("timeout"), retry_after: null })).toBeNull();
    expect(keptFor({ ...sandbox("temporary_error"), retry_after: 1 })).toBe(60);
  });
});

test("a log line carries neither keys nor addresses", () => {
  const line = redactLine(
    '{"a":"Bearer ev_live_abcdef_0123456789","b":"joe@corp-mail.net said","c":"whsec_AbC+/=","d":"pt_p1_x-y"}',
  );
  expect(line).toBe('{"a":"Bearer ev_live_[secret]","b":"[address] said","c":"whsec_[secret]","d":"pt_[secret]"}');
});
