import { describe, expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { replyTemplate } from "../../../shared/reply/normalise.ts";
import { retryPlan } from "../../../shared/reply/retry.ts";
import { resolveSoft } from "../../../shared/reply/soft.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("retryPlan", () => {
  test.each([
    ["reconnect", [0]],
    ["greylist", [6 * MINUTE, 35 * MINUTE, 3 * HOUR]],
    ["temporary", [15 * MINUTE, HOUR, 4 * HOUR]],
    ["connect", [10 * MINUTE, HOUR, 6 * HOUR]],
    ["dns", [5 * MINUTE, HOUR, 6 * HOUR]],
  ] as const)("%s waits %j and then gives up", (cls, waits) => {
    expect(waits.map((_, index) => retryPlan(cls, index + 1)?.delayMs)).toEqual(waits);
    expect(retryPlan(cls, waits.length + 1)).toBeNull();
  });

  test("a rate limit is not an attempt", () => {
    expect(retryPlan("rate", 1)).toEqual(retryPlan("rate", 50));
    expect(retryPlan("rate", 50)).not.toBeNull();
  });
});

describe("the same temporary words again", () => {
  const classify = (text: string) => classifyReply({ code: 450, enhanced: "4.1.1", text, stage: "rcpt" });
  const unknown = "<a@example.net>: Recipient address rejected: User unknown";
  const template = replyTemplate(unknown);

  test("ten minutes later mean mailbox_not_found with a soft code", () => {
    expect(resolveSoft(classify(unknown), template, template, 10 * MINUTE)).toMatchObject({
      reason: "mailbox_not_found",
      flags: ["soft_code"],
      retry: null,
    });
  });
  test("sooner, or in other words, mean nothing", () => {
    expect(resolveSoft(classify(unknown), template, template, 9 * MINUTE).reason).toBe("temporary_error");
    expect(resolveSoft(classify(unknown), template, null, HOUR).reason).toBe("temporary_error");
    expect(resolveSoft(classify(unknown), template, "other words", HOUR).reason).toBe("temporary_error");
  });
  test.each([
    "<a@example.net>: Recipient address rejected: unverified address: Address verification in progress",
    "<a@example.net>: Recipient address rejected: unverified address: connect to mx.example.net[192.0.2.1]:25: Connection refused",
    "<a@example.net>: Recipient address rejected: unverified address: conversation with mx.example.net timed out while receiving the initial server greeting",
    "Mailbox disabled, try later",
    "Local error in processing",
  ])("never condemn: %s", (text) => {
    const same = replyTemplate(text);
    expect(resolveSoft(classify(text), same, same, HOUR).reason).toBe("temporary_error");
  });
});
