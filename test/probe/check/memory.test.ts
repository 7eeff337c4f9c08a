import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { World } from "../../../dev/world/world.ts";
import { createChecker } from "../../../probe/check/checker.ts";
import type { DomainMemory, DomainPast } from "../../../probe/check/past.ts";
import { configFor, itemOf, optionsWith, outcomesOf, quickWorld, verdictsOf } from "./support.ts";

const DAY_MS = 86_400_000;
let world: World;
beforeAll(async () => {
  world = await quickWorld();
});
afterAll(() => world.close());

/** A fleet whose past is what the test says, and what it was told. */
function memoryOf(past: DomainPast | null) {
  const told: string[] = [];
  const memory: DomainMemory = {
    reached: (domain) => told.push(`${domain} reached`),
    async troubled(domain, trouble) {
      told.push(`${domain} ${trouble}`);
      return past;
    },
  };
  return { memory, told };
}
const long: DomainPast = { visits: 4, regions: 2, ageMs: 5 * DAY_MS, elsewhereMs: 2 * DAY_MS };

describe("the fleet's memory", () => {
  test("turns a host that nobody has reached for days into a dead domain, for good", async () => {
    const { memory, told } = memoryOf(long);
    const checker = createChecker(configFor(world), { memory });
    const emails = ["user@dead-all.mailworld.net", "other@dead-all.mailworld.net"];
    const outcomes = await outcomesOf(checker, emails.map(itemOf), optionsWith({ finalOnly: false }));
    await checker.close();
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ kind: "final", verdict: { status: "undeliverable", reason: "domain_dead" } });
    }
    expect(told).toEqual(["dead-all.mailworld.net unreachable"]);
  });

  test("makes nothing of a short past, or of none", async () => {
    for (const past of [{ ...long, regions: 1 }, null]) {
      const checker = createChecker(configFor(world), { memory: memoryOf(past).memory });
      const [verdict] = await verdictsOf(checker, ["user@dead-all.mailworld.net"]);
      await checker.close();
      expect(verdict).toMatchObject({ status: "unknown", reason: "connect_failed" });
    }
  });

  test("of relay denied elsewhere makes a domain that nobody serves", async () => {
    const { memory, told } = memoryOf(long);
    const checker = createChecker(configFor(world), { memory });
    const [verdict] = await verdictsOf(checker, ["user@relay-denied.mailworld.net"]);
    await checker.close();
    expect(verdict).toMatchObject({ status: "undeliverable", reason: "no_mail_host", evidence: { code: 550 } });
    expect(told).toEqual(["relay-denied.mailworld.net relay_denied"]);
  });

  test("of a domain's own address that turns others away as well makes a domain without a mail host", async () => {
    const { memory, told } = memoryOf({ ...long, visits: 2, elsewhereMs: 900_000 });
    const checker = createChecker(configFor(world), { memory });
    const [verdict] = await verdictsOf(checker, ["user@implicit-mx-reset.mailworld.net"]);
    await checker.close();
    expect(verdict).toMatchObject({ reason: "no_mail_host", evidence: { rule: "implicit-mx-resets" } });
    expect(told).toEqual(["implicit-mx-reset.mailworld.net reset"]);
  });

  test("is told of hosts that answer, whatever they say, and of nothing where nobody was asked", async () => {
    const { memory, told } = memoryOf(long);
    const checker = createChecker(configFor(world), { memory });
    await verdictsOf(checker, ["user@postfix.mailworld.net", "user@blocklist-banner.mailworld.net"]);
    await verdictsOf(checker, ["user@null-mx.mailworld.net", "user@mailinator.com", "broken"]);
    await checker.close();
    expect(told.sort()).toEqual(["blocklist-banner.mailworld.net reached", "postfix.mailworld.net reached"]);
  });
});

describe("the wish for a second opinion", () => {
  const wishes = async (emails: string[], finalOnly: boolean) => {
    const checker = createChecker(configFor(world));
    const outcomes = await outcomesOf(checker, emails.map(itemOf), optionsWith({ finalOnly }));
    await checker.close();
    return outcomes.map((outcome) => outcome?.elsewhere === true);
  };

  test.each([true, false])(
    "goes with trouble about where we come from, deferred or not (final only: %s)",
    async (only) => {
      const emails = ["dead-all", "blocklist-banner", "blocklist-mail"].map((name) => `user@${name}.mailworld.net`);
      expect(await wishes(emails, only)).toEqual([true, true, true]);
    },
  );

  test("goes with no answer, and with no refusal on purpose", async () => {
    const names = ["postfix", "null-mx", "relay-denied", "harvest-guard"].map((name) => `user@${name}.mailworld.net`);
    expect(await wishes([...names, "user@mailinator.com"], true)).toEqual([false, false, false, false, false]);
  });
});
