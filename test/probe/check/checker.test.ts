import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { World } from "../../../dev/world/world.ts";
import { createChecker } from "../../../probe/check/checker.ts";
import { configFor, itemOf, optionsWith, outcomesOf, quickWorld, verdictsOf } from "./support.ts";

let world: World;
beforeAll(async () => {
  world = await quickWorld();
});
afterAll(() => world.close());

const openResources = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name.startsWith("TCPSocket")).length;

describe("deciding without a host", () => {
  it("answers what the text decides and dials nobody", async () => {
    world.resetStats();
    const checker = createChecker(configFor(world));
    const verdicts = await verdictsOf(checker, [
      "not an address",
      "x@shop.test",
      "a@[10.0.0.1]",
      "user@mailinator.com",
      "a@b.de\r\nRCPT TO:<x@y.de>",
    ]);
    await checker.close();
    expect(verdicts.map((verdict) => verdict.reason)).toEqual([
      "syntax_invalid",
      "domain_not_found",
      "unroutable_ip",
      "disposable",
      "syntax_invalid",
    ]);
    expect(world.stats().connections).toBe(0);
  });

  it("mode dns asks the DNS and no host", async () => {
    world.resetStats();
    const checker = createChecker(configFor(world));
    const verdicts = await verdictsOf(
      checker,
      ["user@null-mx.mailworld.net", "user@postfix.mailworld.net"],
      optionsWith({ mode: "dns" }),
    );
    await checker.close();
    expect(verdicts.map((verdict) => [verdict.reason, verdict.mx])).toEqual([
      ["null_mx", null],
      ["not_checked", "mx.postfix.mailworld.net"],
    ]);
    expect(world.stats().connections).toBe(0);
  });

  it("leaves a consumer provider alone in bulk where its terms ask for that, and asks in real time", async () => {
    const checker = createChecker(configFor(world));
    const [bulk] = await verdictsOf(checker, ["user1@outlook.com"]);
    const [live] = await verdictsOf(checker, ["user1@outlook.com"], optionsWith({ realTime: true }));
    await checker.close();
    expect([bulk?.reason, live?.reason]).toEqual(["provider_unverifiable", "accepted"]);
  });
});

describe("deferred items", () => {
  it("come back with tries, due time and words, and are settled by a later visit from the same source", async () => {
    const own = await quickWorld({ greylistMs: 1 });
    const config = configFor(own, { PROBE_SOURCE_ADDRESSES: "127.0.0.2,127.0.0.3" });
    const checker = createChecker(config);
    const [first] = await outcomesOf(
      checker,
      [itemOf("alice@greylist.mailworld.net")],
      optionsWith({ finalOnly: false }),
    );
    expect(first).toMatchObject({
      kind: "deferred",
      provisional: { reason: "greylisted", status: "unknown" },
      item: { tries: 1 },
    });
    if (first?.kind !== "deferred") throw new Error("not deferred");
    expect(first.item.due).toBeGreaterThan(first.item.first);
    expect(first.item.last).toContain("greylisted");
    const [second] = await outcomesOf(checker, [first.item], optionsWith({ finalOnly: false, source: first.source }));
    await checker.close();
    expect(second).toMatchObject({ kind: "final", verdict: { reason: "accepted" } });
    await own.close();
  });

  it("give up after the last attempt of the table", async () => {
    const checker = createChecker(configFor(world));
    const tired = { ...itemOf("user@tempfail-rcpt.mailworld.net"), tries: 3, first: Date.now() - 1 };
    const [outcome] = await outcomesOf(checker, [tired], optionsWith({ finalOnly: false }));
    await checker.close();
    expect(outcome).toMatchObject({ kind: "final", verdict: { reason: "temporary_error" } });
  });

  it("believe a temporary 'user unknown' only when the same words come again later", async () => {
    let now = 1_800_000_000_000;
    const checker = createChecker(configFor(world), { now: () => now });
    const bulk = optionsWith({ finalOnly: false });
    const [first] = await outcomesOf(checker, [itemOf("nobody@soft-unknown.mailworld.net")], bulk);
    if (first?.kind !== "deferred") throw new Error("not deferred");
    const [soon] = await outcomesOf(checker, [first.item], bulk);
    expect(soon).toMatchObject({ kind: "deferred", provisional: { reason: "temporary_error" } });
    now += 6_000; // ten minutes and more, at the pace of the lab
    const [later] = await outcomesOf(checker, [first.item], bulk);
    await checker.close();
    expect(later).toMatchObject({
      kind: "final",
      verdict: { reason: "mailbox_not_found", flags: { soft_code: true } },
    });
  });
});

describe("deadlines and aborts", () => {
  it("answers at the deadline with what is known by then", async () => {
    const checker = createChecker(configFor(world));
    const options = optionsWith({ realTime: true, deadlineMs: Date.now() + 150 });
    const [silent, plain] = await verdictsOf(
      checker,
      ["user@silent-banner.mailworld.net", "user@postfix.mailworld.net"],
      options,
    );
    await checker.close();
    expect(silent).toMatchObject({ status: "unknown", reason: "timeout" });
    expect(silent?.retry_after).toBeGreaterThan(0);
    expect(plain?.reason).toBe("accepted");
  });

  it("tells nothing about items that were under way when the caller left", async () => {
    const checker = createChecker(configFor(world));
    const caller = new AbortController();
    const asking = outcomesOf(
      checker,
      [itemOf("user@silent-banner.mailworld.net")],
      optionsWith({ signal: caller.signal }),
    );
    setImmediate(() => caller.abort());
    expect(await asking).toEqual([undefined]);
    expect(checker.stats().running).toBe(0);
    await checker.close();
  });
});

describe("frugality", () => {
  it("asks 2,000 addresses of 50 domains over one connection per host and few round trips", async () => {
    world.resetStats();
    const checker = createChecker(configFor(world));
    const domains = Array.from({ length: 50 }, (_, i) => `accept-${i}.mailworld.net`);
    await Promise.all(
      domains.map((domain, d) =>
        verdictsOf(
          checker,
          Array.from({ length: 40 }, (_, i) => `${i % 3 ? "user" : "nobody"}${d}x${i}@${domain}`),
        ),
      ),
    );
    await checker.close();
    const { connections, flights } = world.stats();
    expect(connections).toBeLessThanOrEqual(100);
    expect(flights / 2_000).toBeLessThan(0.2);
  });

  it("shares connections and control answers between calls", async () => {
    world.resetStats();
    const checker = createChecker(configFor(world));
    await verdictsOf(checker, ["user1@postfix.mailworld.net"]);
    await Promise.all([
      verdictsOf(checker, ["user2@postfix.mailworld.net"]),
      verdictsOf(checker, ["user3@postfix.mailworld.net"]),
    ]);
    const { connections, recipients } = world.stats();
    await checker.close();
    expect({ connections, recipients }).toEqual({ connections: 1, recipients: 4 });
  });

  it("keeps asking about the best host only, once it has spoken", async () => {
    world.resetStats();
    const checker = createChecker(configFor(world));
    await verdictsOf(checker, ["nobody@backup-catchall.mailworld.net"]);
    await checker.close();
    expect(world.stats().connections).toBe(1);
  });
});

it("asks once more about those whose turn never came because a host hung up over others", async () => {
  const checker = createChecker(configFor(world));
  const strangers = Array.from({ length: 8 }, (_, i) => `nobody${i}`);
  const emails = ["alice", ...strangers, "bob", "carol"].map((local) => `${local}@drop-unknown-mute.mailworld.net`);
  const reasons = (await verdictsOf(checker, emails)).map(({ reason }) => reason);
  await checker.close();
  expect([reasons[0], ...reasons.slice(-2)]).toEqual(["unconfirmed", "unconfirmed", "unconfirmed"]);
});

it("leaves no socket and no timer behind, whatever the hosts did", async () => {
  const own = await quickWorld();
  const before = openResources();
  const checker = createChecker(configFor(own));
  const domains =
    "drop-rcpt garbage-flood extra-reply tls-garbage 421-later no-pipelining-strict drop-unknown dead-first postfix".split(
      " ",
    );
  await verdictsOf(
    checker,
    domains.flatMap((name) => [`user@${name}.mailworld.net`, `nobody@${name}.mailworld.net`]),
  );
  await checker.close();
  expect(checker.stats()).toMatchObject({ running: 0, connections: { open: 0 } });
  await own.close();
  // Sockets that were destroyed are gone some turns of the event loop later. (A poll would see its own timer.)
  for (let turn = 0; turn < 10_000 && openResources() > before; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(openResources()).toBeLessThanOrEqual(before);
});

it("real-time checks do not wait behind bulk at the same host", async () => {
  const own = await quickWorld({ rttMs: 5 });
  const checker = createChecker(configFor(own));
  let bulkDone = 0;
  const items = Array.from({ length: 3_000 }, (_, n) => itemOf(`user${n}@no-pipelining.mailworld.net`, n));
  const caller = new AbortController();
  const bulk = checker.checkMany(items, optionsWith({ signal: caller.signal }), () => {
    bulkDone += 1;
  });
  const [live] = await verdictsOf(
    checker,
    ["alice@no-pipelining.mailworld.net"],
    optionsWith({ realTime: true, deadlineMs: Date.now() + 10_000 }),
  );
  expect(live?.reason).toBe("accepted");
  expect(bulkDone).toBe(0);
  caller.abort();
  await bulk;
  await checker.close();
  await own.close();
});

describe("a transcript", () => {
  const asked = optionsWith({ transcript: true });

  it("tells what was said about a recipient and the control, without addresses", async () => {
    const checker = createChecker(configFor(world));
    const [alice, nobody] = await verdictsOf(checker, ["alice@exim.mailworld.net", "nobody@exim.mailworld.net"], asked);
    await checker.close();
    const lines = nobody?.evidence.transcript ?? [];
    expect(lines).toEqual(
      expect.arrayContaining([
        "# mx.exim.mailworld.net",
        expect.stringMatching(/^< 220 .*Exim/),
        expect.stringMatching(/^> EHLO /),
        "> MAIL FROM:<[address]>",
        "> RCPT TO:<[address]>",
        "< 550 Unrouteable address",
        "# mx.exim.mailworld.net: control address",
      ]),
    );
    expect(lines.join()).not.toMatch(/alice|nobody@|@/);
    // Who else was asked on the same connection is nobody's business: the control's refusal is the only one here.
    expect(alice?.evidence.transcript?.filter((line) => line.startsWith("< 550"))).toHaveLength(1);
  });

  it("tells what befell a question that got no answer", async () => {
    const checker = createChecker(configFor(world));
    const [verdict] = await verdictsOf(checker, ["user@dead-all.mailworld.net"], asked);
    await checker.close();
    expect(verdict?.evidence.transcript?.at(-1)).toMatch(/^\* connect at connect: ECONNREFUSED/);
  });

  it("is not kept unless it is asked for", async () => {
    const checker = createChecker(configFor(world));
    const [verdict] = await verdictsOf(checker, ["alice@exim.mailworld.net"]);
    await checker.close();
    expect(verdict?.evidence.transcript).toBeNull();
  });
});

describe("a sender that is refused", () => {
  it("stays a refusal of ours, and is asked about as a bounce only where that is switched on", async () => {
    const own = await quickWorld();
    const address = "alice@sender-rejected.mailworld.net";
    const off = createChecker(configFor(own));
    const on = createChecker(configFor(own, { PROBE_NULL_SENDER: "1" }));
    const [without] = await verdictsOf(off, [address]);
    const asked = own.stats().commands.MAIL ?? 0;
    const [withNull] = await verdictsOf(on, [address]);
    expect(without?.reason).toBe("sender_rejected");
    // This host refuses every sender: a refused bounce tells nothing new.
    expect(withNull?.reason).toBe("sender_rejected");
    expect((own.stats().commands.MAIL ?? 0) - asked).toBe(2);
    await Promise.all([off.close(), on.close()]);
    await own.close();
  });
});

it("comes to its end when it is closed in the middle of its work", async () => {
  const own = await quickWorld({ rttMs: 5 });
  const checker = createChecker(configFor(own));
  const items = Array.from({ length: 400 }, (_, n) =>
    itemOf(`user${n}@${n % 2 ? "no-pipelining" : "dead-first"}.mailworld.net`, n),
  );
  let told = 0;
  const checking = checker.checkMany(items, optionsWith(), () => {
    told += 1;
  });
  while (own.stats().recipients === 0) await new Promise((resolve) => setImmediate(resolve));
  await checker.close();
  await checking;
  expect(told).toBe(items.length);
  expect(checker.stats().connections.open).toBe(0);
  await own.close();
});
