import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { World } from "../../../dev/world/world.ts";
import { createChecker } from "../../../probe/check/checker.ts";
import { closeDoubts, doubtOf, weigh } from "../../../probe/check/equals.ts";
import { bareFinding, conclude, createSubject, note, type Subject } from "../../../probe/check/subject.ts";
import { addressFacts } from "../../../shared/address/facts.ts";
import type { Reason } from "../../../shared/verdict/vocabulary.ts";
import { configFor, itemOf, optionsWith, outcomesOf, quickWorld, verdictsOf } from "./support.ts";

let world: World;
beforeAll(async () => {
  world = await quickWorld();
});
afterAll(() => world.close());

/** Equal hosts are asked in the order in which the DNS names them. */
const inOrder = { random: () => 0.5 };
/** And in the reverse order. */
const reversed = () => {
  let next = 1;
  return {
    random: () => {
      next /= 2;
      return next;
    },
  };
};

describe("equal hosts", () => {
  it("condemn together, and each is asked about those the first refused only", async () => {
    world.resetStats();
    const checker = createChecker(configFor(world), inOrder);
    const emails = ["alice1", "alice2", "nobody1", "nobody2"].map((local) => `${local}@equal-mx.mailworld.net`);
    const verdicts = await verdictsOf(checker, emails);
    await checker.close();
    expect(verdicts.map((verdict) => verdict.reason)).toEqual([
      "accepted",
      "accepted",
      "mailbox_not_found",
      "mailbox_not_found",
    ]);
    // Four and the control at the first, the two refused at the second, nothing at the third.
    expect(world.stats()).toMatchObject({ connections: 2, recipients: 7 });
  });

  it("that contradict each other condemn nobody, and are asked once more an hour later", async () => {
    let nowMs = 1_800_000_000_000;
    const email = "alice@disagree.mailworld.net";
    const checker = createChecker(configFor(world), { ...reversed(), now: () => nowMs });
    const [first] = await outcomesOf(checker, [itemOf(email)], optionsWith({ finalOnly: false }));
    await checker.close();
    expect(first).toMatchObject({ kind: "deferred", provisional: { status: "unknown", reason: "inconsistent" } });
    if (first?.kind !== "deferred") return;
    // An hour at the pace of the lab.
    expect(first.item.due - nowMs).toBe(6_000);
    nowMs = first.item.due;
    const again = createChecker(configFor(world), { ...reversed(), now: () => nowMs });
    const [second] = await outcomesOf(again, [first.item], optionsWith({ finalOnly: false }));
    await again.close();
    expect(second).toMatchObject({ kind: "final", verdict: { status: "unknown", reason: "inconsistent" } });
  });

  it("believe the one that was asked first when it accepts", async () => {
    const checker = createChecker(configFor(world), inOrder);
    const [verdict] = await verdictsOf(checker, ["alice@disagree.mailworld.net"]);
    await checker.close();
    expect(verdict?.reason).toBe("accepted");
  });
});

describe("a refusal by one of several equals", () => {
  const refused = (): Subject => {
    const subject = createSubject(itemOf("a@x.net"), addressFacts("a@x.net"), null);
    conclude(subject, bareFinding("mailbox_not_found", "user-unknown"), null);
    return subject;
  };
  const hears = (subject: Subject, ...answers: (Reason | null)[]): Reason | undefined => {
    const doubt = doubtOf(subject);
    if (doubt === null) return undefined;
    const doubts = new Map([[subject, doubt]]);
    for (const answer of answers) {
      if (answer === "timeout") note(subject, bareFinding(answer, "timeout-rcpt"), "connect");
      else if (answer !== null) conclude(subject, bareFinding(answer, "said"), null);
      if (weigh(subject, doubt)) doubts.delete(subject);
    }
    closeDoubts(doubts);
    return subject.findings.at(-1)?.reason;
  };

  it.each<[string, (Reason | null)[], Reason]>([
    ["repeated by the second stands", ["mailbox_not_found"], "mailbox_not_found"],
    ["stands when no other can be reached", ["timeout", null], "mailbox_not_found"],
    ["contradicted by the only other is inconsistent", ["accepted"], "inconsistent"],
    ["contradicted by a full mailbox is inconsistent", ["mailbox_full"], "inconsistent"],
    ["contradicted twice falls", ["accepted", "accepted"], "accepted"],
    ["contradicted once and repeated once stands", ["accepted", "mailbox_disabled"], "mailbox_not_found"],
    ["contradicted before silence is inconsistent", ["accepted", "timeout"], "inconsistent"],
    ["waits for a greylist", ["greylisted"], "greylisted"],
    ["is heard out after a silent host", ["timeout", "accepted"], "inconsistent"],
    ["is not shaken by trouble of ours", ["probe_blocklisted"], "mailbox_not_found"],
  ])("%s", (_name, answers, reason) => {
    expect(hears(refused(), ...answers)).toBe(reason);
  });

  it("is not shaken by a host that takes anybody", () => {
    const subject = refused();
    const doubt = doubtOf(subject);
    conclude(subject, bareFinding("accepted", "accepted"), null);
    subject.catchAll = { answer: "yes", confidence: 0.9 };
    expect(doubt === null || weigh(subject, doubt)).toBe(false);
    expect(subject.findings.at(-1)?.reason).toBe("mailbox_not_found");
  });
});

describe("a host that says it takes no mail", () => {
  const REPLY = "550 5.7.1 <{addr}>... That host does not accept mail";

  it("about one recipient beside an accepted one speaks of that recipient", async () => {
    await world.addDomain({ domain: "closed-box.net", box: { restricted: { reply: REPLY, now: "restricted" } } });
    const checker = createChecker(configFor(world));
    const verdicts = await verdictsOf(checker, ["alice@closed-box.net", "restricted1@closed-box.net"]);
    await checker.close();
    expect(verdicts.map((verdict) => verdict.reason)).toEqual(["accepted", "restricted"]);
  });

  it("to everybody is believed, with its words as evidence", async () => {
    const answer = { reply: "550 Host does not accept mail", now: "no_mail_host" } as const;
    const box = { exists: answer, role: answer, unknown: answer };
    await world.addDomain({ domain: "closed-host.net", box });
    const checker = createChecker(configFor(world));
    const [verdict] = await verdictsOf(checker, ["alice@closed-host.net"]);
    await checker.close();
    expect(verdict).toMatchObject({ reason: "no_mail_host", evidence: { code: 550 } });
  });
});

describe("address families", () => {
  it("a host that none of our sources could dial is not dialled", async () => {
    world.resetStats();
    const checker = createChecker(configFor(world, { PROBE_SOURCE_ADDRESSES: "127.0.0.1" }));
    const [verdict] = await verdictsOf(checker, ["alice@implicit-mx-aaaa.mailworld.net"]);
    expect(verdict).toMatchObject({ reason: "connect_failed", evidence: { rule: "no-common-address-family" } });
    expect(checker.stats().connections.opened).toBe(0);
    await checker.close();
  });
});
