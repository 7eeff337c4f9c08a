import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { World } from "../../../dev/world/world.ts";
import { createChecker } from "../../../probe/check/checker.ts";
import { configFor, itemOf, optionsWith, outcomesOf, quickWorld, verdictsOf } from "./support.ts";

let world: World;
beforeAll(async () => {
  world = await quickWorld();
});
afterAll(() => world.close());
beforeEach(() => world.resetStats());

const withLive = (live: string, more = {}) => createChecker(configFor(world, { PROBE_LIVE_MAILBOXES: live, ...more }));

describe("a mailbox of ours at an operator", () => {
  it("that is taken changes nothing, and is asked for once", async () => {
    const checker = withLive("gmail=alice.canary@gmail.com");
    const verdicts = await verdictsOf(checker, ["user.one@gmail.com", "nobody@gmail.com"]);
    expect(verdicts.map(({ reason }) => reason)).toEqual(["accepted", "mailbox_not_found"]);
    // Two recipients, the mailbox, the canary; later the recipient alone.
    expect(world.stats().recipients).toBe(4);
    await verdictsOf(checker, ["user.two@gmail.com"]);
    expect(world.stats().recipients).toBe(5);
    await checker.close();
  });

  it("that is refused makes all refusals there ours, and wishes for another network", async () => {
    const checker = withLive("gmail=nobody.canary@gmail.com");
    const outcomes = await outcomesOf(
      checker,
      ["nobody@gmail.com", "nobody@googlemail.com", "nobody@workspace.mailworld.net"].map(itemOf),
      optionsWith({ finalOnly: false }),
    );
    expect(outcomes).toMatchObject([
      { kind: "final", elsewhere: true, verdict: { status: "unknown", reason: "probe_blocklisted" } },
      { kind: "final", elsewhere: true, verdict: { evidence: { rule: "live-mailbox-refused", code: 550 } } },
      // Customers' domains there are another matter.
      { kind: "final", verdict: { reason: "mailbox_not_found" } },
    ]);
    await checker.close();
  });

  it("is asked for at its own host, where the operator has several", async () => {
    const checker = withLive("gmx=alice.canary@gmx.net");
    const [verdict] = await verdictsOf(checker, ["nobody@web.de"]);
    expect(verdict?.reason).toBe("mailbox_not_found");
    expect(world.stats().violations.relay_attempt).toBeUndefined();
    await checker.close();
  });

  it("stops the operator for this source where paces are kept", async () => {
    const checker = withLive("gmail=nobody.canary@gmail.com", { PROBE_PACE: "polite" });
    const [first] = await verdictsOf(checker, ["nobody@gmail.com"]);
    const [second] = await verdictsOf(checker, ["user.one@gmail.com"]);
    expect([first?.reason, second?.reason]).toEqual(["probe_blocklisted", "rate_limited"]);
    await checker.close();
  });
});

it("an operator's canary may be named instead of derived", async () => {
  const checker = createChecker(configFor(world, { PROBE_CANARIES: "gmail=alice.in.wonderland" }));
  const [verdict] = await verdictsOf(checker, ["user.one@gmail.com"]);
  // The world takes it: so the operator would take anybody.
  expect(verdict?.reason).toBe("gateway_protected");
  await checker.close();
});
