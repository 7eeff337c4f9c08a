import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { World } from "../../../dev/world/world.ts";
import { createChecker } from "../../../probe/check/checker.ts";
import { configFor, itemOf, optionsWith, outcomesOf, quickWorld, verdictsOf } from "./support.ts";

const HOUR_MS = 3_600_000;
/** Midnight of a day, so that hours of it are easily told. */
const MIDNIGHT = Date.UTC(2026, 10, 20);

let world: World;
beforeAll(async () => {
  world = await quickWorld();
});
afterAll(() => world.close());

/** A checker whose clock the test moves, in hours since midnight. */
function atHour(hour: number) {
  const clock = { hour };
  const checker = createChecker(configFor(world), { now: () => MIDNIGHT + clock.hour * HOUR_MS });
  const reasonsOf = async (hourNow: number, ...emails: string[]) => {
    clock.hour = hourNow;
    return (await verdictsOf(checker, emails)).map((verdict) => verdict.reason);
  };
  const one = async (hourNow: number, email: string) => {
    clock.hour = hourNow;
    const [verdict] = await verdictsOf(checker, [email]);
    return { reason: verdict?.reason, confidence: verdict?.flags.catch_all_confidence };
  };
  return { checker, reasonsOf, one };
}

describe("an answer to a control address", () => {
  it("that has grown too old to act upon is asked for again, not waited out", async () => {
    const { checker, reasonsOf } = atHour(1);
    for (const hour of [1, 5, 7.5, 10, 14, 20, 23]) {
      expect([hour, await reasonsOf(hour, "user@catchall.mailworld.net", "user@postfix.mailworld.net")]).toEqual([
        hour,
        ["catch_all", "accepted"],
      ]);
    }
    await checker.close();
  });

  it("is not asked for again while it is fresh", async () => {
    const { checker, reasonsOf } = atHour(1);
    await reasonsOf(1, "user1@postfix.mailworld.net");
    world.resetStats();
    await reasonsOf(6, "user2@postfix.mailworld.net");
    expect(world.stats().recipients).toBe(1);
    await checker.close();
  });

  it("is surer when another day's control address is accepted as well, and no surer by the same one", async () => {
    const { checker, one } = atHour(10);
    const email = "user@catchall.mailworld.net";
    expect(await one(10, email)).toEqual({ reason: "catch_all", confidence: 0.9 });
    expect(await one(20, email)).toEqual({ reason: "catch_all", confidence: 0.9 });
    expect(await one(34, email)).toEqual({ reason: "catch_all", confidence: 0.98 });
    // The day's second visit renews what two addresses have said.
    expect(await one(44, email)).toEqual({ reason: "catch_all", confidence: 0.98 });
    await checker.close();
  });
});

describe("a control without an answer", () => {
  const guarded = (...locals: string[]) => locals.map((local) => `${local}@control-guarded.mailworld.net`);

  it("is made up for by three strangers who are refused in the same words, for this visit alone", async () => {
    const { checker, reasonsOf } = atHour(1);
    const unknown = "mailbox_not_found";
    expect(await reasonsOf(1, ...guarded("alice", "nobody1", "nobody2"))).toEqual(["unconfirmed", unknown, unknown]);
    expect(await reasonsOf(1, ...guarded("alice", "nobody1", "nobody2", "nobody3"))).toEqual([
      "accepted",
      unknown,
      unknown,
      unknown,
    ]);
    expect(await reasonsOf(1, ...guarded("alice"))).toEqual(["unconfirmed"]);
    await checker.close();
  });

  it("is not made up for by one stranger asked about three times", async () => {
    const { checker, reasonsOf } = atHour(1);
    const [first] = await reasonsOf(1, ...guarded("alice", "nobody1", "nobody1", "nobody1"));
    expect(first).toBe("unconfirmed");
    await checker.close();
  });
});

describe("a host that has refused more than ten recipients within an hour", () => {
  const locals = (stem: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${stem}${i}@postfix.mailworld.net`);

  it("is asked for its control again, however many visits they came from", async () => {
    const { checker, reasonsOf } = atHour(1);
    await reasonsOf(1, "user@postfix.mailworld.net", ...locals("nobody", 6));
    await reasonsOf(1.2, ...locals("nobody", 5));
    world.resetStats();
    await reasonsOf(1.3, "user@postfix.mailworld.net");
    expect(world.stats().recipients).toBe(2);
    world.resetStats();
    await reasonsOf(3.5, "user@postfix.mailworld.net");
    expect(world.stats().recipients).toBe(1);
    await checker.close();
  });

  it("and takes everybody from then on is found out", async () => {
    await world.addDomain({ domain: "patient-once.net", script: { refusalsMax: 12 } });
    const { checker, reasonsOf } = atHour(1);
    const strangers = (from: number) => Array.from({ length: 6 }, (_, i) => `nobody${from + i}@patient-once.net`);
    expect((await reasonsOf(1, "alice@patient-once.net", ...strangers(0)))[0]).toBe("accepted");
    // Of the next six the last is taken: with the control of the first visit there have been twelve refusals.
    expect((await reasonsOf(1.1, ...strangers(6)))[5]).toBe("catch_all");
    await checker.close();
  });
});

describe("a refusal for permission", () => {
  it("beside a full mailbox and nobody accepted is read by the words that a stranger gets", async () => {
    const { checker, reasonsOf } = atHour(1);
    const asked = ["full0001@ambiguous.mailworld.net", "nobody0002@ambiguous.mailworld.net"];
    expect(await reasonsOf(1, ...asked)).toEqual(["mailbox_full", "mailbox_not_found"]);
    await checker.close();
  });
});

describe("a host of second preference", () => {
  it("confirms as little as a control can there while a better one only puts off, and condemns whom it does not know", async () => {
    const { checker, one, reasonsOf } = atHour(1);
    const known = await one(1, "alice@tempfail-first.mailworld.net");
    expect(known.reason).toBe("unconfirmed");
    expect(known.confidence).toBeCloseTo(0.97 * 0.7);
    expect(await reasonsOf(1, "nobody@tempfail-first.mailworld.net")).toEqual(["mailbox_not_found"]);
    await checker.close();
  });

  it("is the best one where nobody gets through to those before it", async () => {
    const { checker, one } = atHour(1);
    for (const name of ["dead-first", "421-first", "554-first"]) {
      expect(await one(1, `alice@${name}.mailworld.net`)).toEqual({ reason: "accepted", confidence: 0.97 });
    }
    const open = await one(1, "alice@dead-first-backup-catchall.mailworld.net");
    expect(open).toEqual({ reason: "catch_all", confidence: 0.9 });
    await checker.close();
  });

  it("is the best one where the names before it have no host", async () => {
    const { checker, one } = atHour(1);
    expect(await one(1, "alice@mx-half.mailworld.net")).toEqual({ reason: "accepted", confidence: 0.97 });
    await checker.close();
  });

  it("is asked where the best one puts everybody off, and what that said stands unless it says more", async () => {
    const { checker, reasonsOf } = atHour(1);
    const at = (domain: string) => [`alice@${domain}.mailworld.net`, `nobody@${domain}.mailworld.net`];
    expect(await reasonsOf(1, ...at("tempfail-first"))).toEqual(["unconfirmed", "mailbox_not_found"]);
    expect(await reasonsOf(1, ...at("tls-first"))).toEqual(["unconfirmed", "mailbox_not_found"]);
    expect(await reasonsOf(1, ...at("tempfail-first-dead"))).toEqual(["temporary_error", "temporary_error"]);
    await checker.close();
  });

  it("does not have the last word while the best one only puts off", async () => {
    const checker = createChecker(configFor(world));
    const items = ["alice@tempfail-first.mailworld.net", "alice@dead-first.mailworld.net"].map(itemOf);
    const outcomes = await outcomesOf(checker, items, optionsWith({ finalOnly: false }));
    expect(outcomes).toMatchObject([
      { kind: "deferred", provisional: { reason: "unconfirmed" } },
      { kind: "final", verdict: { reason: "accepted", retry_after: null } },
    ]);
    await checker.close();
  });

  it("is not asked where the best one puts off only some", async () => {
    const { checker, reasonsOf } = atHour(1);
    world.resetStats();
    await reasonsOf(1, "alice@backup-catchall.mailworld.net", "busy@backup-catchall.mailworld.net");
    expect(world.stats().connections).toBe(1);
    await checker.close();
  });
});

describe("a domain at name servers of a parking operator", () => {
  it("is parked without an MX and where anybody is taken, and is not asked about elsewhere", async () => {
    const { checker, reasonsOf } = atHour(1);
    world.resetStats();
    const verdicts = await reasonsOf(
      1,
      "alice@parked-ns.mailworld.net",
      "alice@parked-ns-catchall.mailworld.net",
      "alice@parked-ns-mail.mailworld.net",
    );
    expect(verdicts).toEqual(["mx_parked", "mx_parked", "accepted"]);
    // One for the domain that takes anybody, one for the domain without MX and none for the domain that is lived in.
    expect(world.stats().dns.byType.NS).toBe(2);
    await checker.close();
  });
});
