import { describe, expect, test } from "vitest";
import { BURST_CHUNKS, TASK_KEEP_MS, TASKS_WAITING_MAX } from "../../../edge/hub/limits.ts";
import { step } from "../../../edge/hub/machine.ts";
import { verdictFor } from "../../probe/link/fakes.ts";
import { HubBench } from "./bench.ts";

const options = { mode: "full" as const, role_is_risky: false, transcript: false };

class Desk extends HubBench {
  ask(id: string, email = `a@${id}.example`, hurried = false): void {
    this.feed({ t: "verify", task: { id, email, options, deadlineMs: this.now + 8_000, hurried } });
  }

  /** Task id to session, in the order in which tasks were sent. */
  sent(): string[] {
    return this.all("send").flatMap(({ session, frame }) => (frame.t === "task" ? [`${frame.task}>${session}`] : []));
  }

  answers(): string[] {
    return this.all("answer").map(({ task, answer }) => `${task}:${answer.kind}`);
  }

  answer(session: string, task: string): void {
    this.frame(session, { t: "answer", task, verdict: verdictFor("a@example.net") });
  }

  decline(session: string, task: string): void {
    this.frame(session, { t: "decline", task, why: "" });
  }
}

describe("a real-time check", () => {
  test("is refused at once without a probe, with one that drains, or past its deadline", () => {
    const desk = new Desk();
    desk.ask("t1");
    desk.join("p1");
    desk.frame("p1", { t: "draining" });
    desk.ask("t2");
    expect(desk.answers()).toEqual(["t1:no_probe", "t2:no_probe"]);
  });

  test("has slots of its own: bulk that fills the window does not hold it back, nor the other way round", () => {
    const desk = new Desk();
    desk.join("p1", { window: 100, slots: 1 });
    desk.fill([{ id: "a" }, { id: "b" }]);
    desk.ask("t1");
    expect(desk.sent()).toEqual(["t1>p1"]);
    desk.done("a");
    expect(desk.leases()).toEqual(["a", "b"]);
  });

  test("that arrives in a burst of bulk has its turn before the burst is over", () => {
    const desk = new Desk();
    desk.join("p1", { window: 10_000 });
    const chunk = (i: number) => ({ id: `c${i}`, tenant: "t", job: "j", lane: 2, domain: "", size: 10, sticky: null });
    const chunks = Array.from({ length: 200 }, (_, i) => ({ ...chunk(i), seq: desk.state.nextSeq++ }));
    const burst = step(desk.state, { t: "refilled", asked: 1, reclaimed: [], chunks, nextDueMs: null }, desk.now);
    expect(desk.leases(burst)).toHaveLength(BURST_CHUNKS);
    expect(desk.all("soon", burst)).toHaveLength(1);
    desk.ask("t1");
    expect(desk.sent()).toEqual(["t1>p1"]);
  });

  test("waits for a slot and gets the next one that is free, oldest first", () => {
    const desk = new Desk();
    desk.join("p1", { slots: 1 });
    for (const id of ["t1", "t2", "t3"]) desk.ask(id);
    desk.answer("p1", "t1");
    desk.answer("p1", "t2");
    expect(desk.sent()).toEqual(["t1>p1", "t2>p1", "t3>p1"]);
    expect(desk.answers()).toEqual(["t1:answer", "t2:answer"]);
  });

  test("that a probe declines goes to another, and not back to the first", () => {
    const desk = new Desk();
    desk.join("p1", { slots: 4 });
    desk.join("p2", { slots: 4 });
    desk.ask("t1");
    const first = desk.sent()[0]?.split(">")[1] ?? "";
    desk.decline(first, "t1");
    const second = first === "p1" ? "p2" : "p1";
    expect(desk.sent()).toEqual([`t1>${first}`, `t1>${second}`]);
    desk.decline(second, "t1");
    expect(desk.answers()).toEqual(["t1:no_probe"]);
  });

  test("whose probe vanishes goes to another", () => {
    const desk = new Desk();
    desk.join("p1");
    desk.ask("t1");
    desk.join("p2");
    desk.feed({ t: "closed", session: "p1" });
    expect(desk.sent()).toEqual(["t1>p1", "t1>p2"]);
  });

  test("answered by a probe that does not have it is not answered", () => {
    const desk = new Desk();
    desk.join("p1");
    desk.ask("t1");
    desk.join("p2");
    desk.answer("p2", "t1");
    expect(desk.answers()).toEqual([]);
    expect(desk.state.ignored).toBe(1);
  });

  test("checks of one domain go to one probe while it is not crowded", () => {
    const desk = new Desk();
    for (const id of ["p1", "p2", "p3"]) desk.join(id, { slots: 64 });
    for (let i = 0; i < 10; i++) desk.ask(`t${i}`, `user${i}@one.example`);
    expect(new Set(desk.sent().map((line) => line.split(">")[1])).size).toBe(1);
    for (let i = 10; i < 190; i++) desk.ask(`t${i}`, `user${i}@one.example`);
    expect([...desk.state.probes.values()].every((probe) => probe.running > 40)).toBe(true);
  });

  test("that nobody asks about any more is forgotten, and so is one that waited too long", () => {
    const desk = new Desk();
    desk.join("p1", { slots: 1 });
    desk.ask("t1");
    desk.ask("t2");
    for (let i = 0; i < 5; i++) {
      desk.wait(8_000);
      desk.beat("p1");
    }
    expect(8_000 + TASK_KEEP_MS).toBeLessThan(5 * 8_000);
    expect(desk.answers()).toEqual(["t2:late", "t1:late"]);
    expect(desk.state.tasks.size).toBe(0);
  });

  test("the queue for slots is bounded: beyond, another region is better", () => {
    const desk = new Desk();
    desk.join("p1", { slots: 1 });
    for (let i = 0; i < TASKS_WAITING_MAX + 3; i++) desk.ask(`t${i}`);
    expect(desk.answers()).toHaveLength(2);
    expect(desk.state.waiting.size).toBe(TASKS_WAITING_MAX);
  });
});

describe("a check that may go to another region", () => {
  test("hears whether another network might see more", () => {
    const desk = new Desk();
    desk.join("p1");
    desk.ask("t1");
    desk.ask("t2");
    desk.frame("p1", { t: "answer", task: "t1", verdict: verdictFor("a@example.net"), elsewhere: true });
    desk.answer("p1", "t2");
    const answers = desk.all("answer").map(({ answer }) => answer.kind === "answer" && answer.elsewhere);
    expect(answers).toEqual([true, undefined]);
  });

  test("is told that the hub is busy once as many wait as there are slots; one that may not, waits", () => {
    const desk = new Desk();
    desk.join("p1", { slots: 1 });
    desk.join("p2", { slots: 1 });
    const email = "a@example.net";
    for (const id of ["t1", "t2", "t3", "t4"]) desk.ask(id, email, true);
    expect(desk.answers()).toEqual([]);
    desk.ask("t5", email, true);
    desk.ask("t6");
    expect(desk.answers()).toEqual(["t5:busy"]);
    expect(desk.state.waiting.size).toBe(3);
  });
});

describe("a check whose caller leaves", () => {
  const late = () => {
    const desk = new Desk();
    desk.join("p1", { slots: 1 });
    desk.ask("t1");
    return { desk, commands: desk.feed({ t: "detach", task: "t1", chunk: "c1", ticket: "k" }) };
  };

  test("becomes a lease of its probe, in the slot it had, stored before the probe hears of it", () => {
    const { desk, commands } = late();
    const kinds = commands.map((command) => command.c);
    expect(kinds.indexOf("hold")).toBeLessThan(kinds.indexOf("send"));
    expect(desk.all("detached", commands)).toMatchObject([{ outcome: "detached" }]);
    expect(desk.holders()).toEqual({ c1: "p1" });
    desk.ask("t2");
    expect(desk.sent()).toEqual(["t1>p1"]);
    desk.done("c1");
    expect(desk.sent()).toEqual(["t1>p1", "t2>p1"]);
  });

  test("is planned again when its probe does not have it or dies", () => {
    const nacked = late().desk;
    const lease = nacked.state.chunks.get("c1")?.lease ?? 0;
    nacked.frame("p1", { t: "nack", items: [{ chunk: "c1", lease, why: "unknown" }] });
    expect([...nacked.state.lost.keys()]).toEqual(["c1"]);
    const orphaned = late().desk;
    orphaned.feed({ t: "closed", session: "p1" });
    orphaned.wait(60_000);
    expect([...orphaned.state.lost.keys()]).toEqual(["c1"]);
  });

  test("is gone when it was still waiting, was answered, or was never here", () => {
    const desk = new Desk();
    desk.join("p1", { slots: 1 });
    desk.ask("t1");
    desk.ask("t2");
    desk.answer("p1", "t1");
    for (const task of ["t1", "t9"]) {
      const commands = desk.feed({ t: "detach", task, chunk: `c-${task}`, ticket: "k" });
      expect(desk.all("detached", commands)).toMatchObject([{ outcome: "gone" }]);
    }
    desk.ask("t3");
    expect(desk.all("detached", desk.feed({ t: "detach", task: "t3", chunk: "c3", ticket: "k" }))).toMatchObject([
      { outcome: "gone" },
    ]);
    expect(desk.state.waiting.size).toBe(0);
  });
});
