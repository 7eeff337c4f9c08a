import { describe, expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { parseReplyText } from "../../../shared/reply/parse.ts";
import { REPLY_ROWS } from "../../../shared/reply/rows/index.ts";
import { REASON_TABLE } from "../../../shared/verdict/vocabulary.ts";

describe.each(REPLY_ROWS.map((row) => [row.rule, row] as const))("row %s", (_rule, row) => {
  test.each(row.examples)("is what decides %j", (example) => {
    const parsed = parseReplyText(example);
    expect(parsed).not.toBeNull();
    if (parsed === null) return;
    const provider = row.providers?.[0] ?? null;
    const classified = classifyReply({ ...parsed, stage: row.stages?.[0] ?? "rcpt", provider });
    expect(classified.rule.replace(/^soft:/, "")).toBe(row.rule);
  });
});

test("every row has a reply of its own and a name of its own", () => {
  expect(REPLY_ROWS.filter((row) => row.examples.length === 0)).toEqual([]);
  const rules = REPLY_ROWS.map((row) => row.rule);
  expect(new Set(rules).size).toBe(rules.length);
});

test("only rows about the recipient or the host give undeliverable reasons", () => {
  const others = REPLY_ROWS.filter((row) => row.class !== "recipient" && row.class !== "host");
  const wrong = others.filter((row) => REASON_TABLE[row.reason].status === "undeliverable");
  expect(wrong.map((row) => row.rule)).toEqual([]);
});
