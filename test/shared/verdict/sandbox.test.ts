import { describe, expect, test } from "vitest";
import { sandboxVerdict } from "../../../shared/verdict/sandbox.ts";
import { verdictSchema } from "../../../shared/verdict/schema.ts";
import { REASON_TABLE, REASONS } from "../../../shared/verdict/vocabulary.ts";
import { NOW_MS } from "./fixtures.ts";

describe("sandbox addresses", () => {
  test.each(REASONS)("%s has an address that answers it", (reason) => {
    const verdict = sandboxVerdict(`${reason.replaceAll("_", "-")}@sandbox.test`, NOW_MS);
    expect(verdict?.reason).toBe(reason);
    expect(verdict?.status).toBe(REASON_TABLE[reason].status);
    expect(verdictSchema.safeParse(verdict).success).toBe(true);
  });

  test("the flags agree with the reason", () => {
    const flags = (name: string) => sandboxVerdict(`${name}@sandbox.test`, NOW_MS)?.flags;
    expect(flags("disposable")).toMatchObject({ disposable: true });
    expect(flags("mailbox-full")).toMatchObject({ mailbox_full: true, exists: true });
    expect(flags("mailbox-disabled")).toMatchObject({ disabled: true });
    expect(flags("catch-all")).toMatchObject({ catch_all: "yes", exists: false });
    expect(flags("accepted")).toMatchObject({ catch_all: "no", exists: true });
  });

  test("an unknown verdict says when to ask again", () => {
    expect(sandboxVerdict("greylisted@sandbox.test", NOW_MS)?.retry_after).toBeGreaterThan(0);
  });

  test("case and surrounding space do not matter", () => {
    expect(sandboxVerdict(" Mailbox-Not-Found@Sandbox.TEST ", NOW_MS)?.reason).toBe("mailbox_not_found");
  });

  test.each([
    "nobody@sandbox.test",
    "mailbox_not_found@sandbox.test",
    "to-string@sandbox.test",
    "constructor@sandbox.test",
    "accepted@example.com",
    "@sandbox.test",
    "accepted",
    "",
  ])("%j is no sandbox address", (email) => {
    expect(sandboxVerdict(email, NOW_MS)).toBeNull();
  });
});
