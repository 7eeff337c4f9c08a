import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TASK_ABANDONED_MS } from "../../../probe/link/limits.ts";
import { createTasks, type TaskReports } from "../../../probe/link/tasks.ts";
import type { Settlement } from "../../../probe/settle/settle.ts";
import type { TaskFrame } from "../../../shared/wire/frames.ts";
import { type Behaviour, fakeChecker, verdictFor } from "./fakes.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const found: Behaviour = (one) => ({ kind: "final", verdict: verdictFor(one.email) });
const never: Behaviour = (_one, signal) =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));

function bench(behaviour: Behaviour, slots = 2) {
  const said: unknown[] = [];
  const settled: Settlement[] = [];
  const reports: TaskReports = {
    answered: (frame) => said.push(frame.t === "answer" ? ["answer", frame.task] : ["decline", frame.task, frame.why]),
    detached: (task) => said.push(["detached", task]),
    done: (item) => said.push(["done", item.chunk, item.outcome]),
    untouched: (chunk) => said.push(["untouched", chunk]),
  };
  const tasks = createTasks({
    checker: fakeChecker(behaviour),
    settler: {
      async settle(settlement) {
        settled.push(settlement);
        return { outcome: settlement.rest.length > 0 ? "rest" : "settled", drained: false, job: null };
      },
      close: async () => {},
    },
    probe: "p1",
    slots,
    now: Date.now,
    lastCall: new AbortController().signal,
    reports,
    log: () => {},
  });
  return { tasks, said, settled };
}

const task = (id: string): TaskFrame => ({
  t: "task",
  task: id,
  email: "a@example.net",
  deadline: Date.now() + 8_000,
  options: { mode: "full", role_is_risky: false, transcript: false },
});
const detach = (id: string) => ({ t: "detach", task: id, chunk: "c1", lease: 9, ticket: "k" }) as const;
const rest = () => vi.advanceTimersByTimeAsync(1);

test("a check in time is an answer", async () => {
  const { tasks, said, settled } = bench(found);
  tasks.start(task("t1"));
  await rest();
  expect(said).toEqual([["answer", "t1"]]);
  expect(settled).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a check whose caller has left is settled under the chunk it was given", async () => {
  const gate = Promise.withResolvers<void>();
  const { tasks, said, settled } = bench(async (one, ...how) => {
    await gate.promise;
    return found(one, ...how);
  });
  tasks.start(task("t1"));
  tasks.detach(detach("t1"));
  gate.resolve();
  await rest();
  expect(settled).toMatchObject([{ chunk: "c1", ticket: "k", results: [{ n: 0 }], hold: false }]);
  expect(said).toEqual([
    ["detached", "t1"],
    ["done", "c1", "settled"],
  ]);
});

test("an answer that crossed the detach on its way is settled, once", async () => {
  const { tasks, said, settled } = bench(found);
  tasks.start(task("t1"));
  await rest();
  tasks.detach(detach("t1"));
  await rest();
  expect(settled).toHaveLength(1);
  tasks.detach(detach("t1"));
  await rest();
  expect(said.slice(1)).toEqual([
    ["detached", "t1"],
    ["done", "c1", "settled"],
    ["detached", "t1"],
    ["untouched", "c1"],
  ]);
});

test("a detached check that has to wait is planned for later with its source address", async () => {
  const due = Date.now() + 360_000;
  const gate = Promise.withResolvers<void>();
  const { tasks, settled } = bench(async (one) => {
    await gate.promise;
    return {
      kind: "deferred",
      item: { ...one, tries: 1, due },
      provisional: verdictFor(one.email),
      source: "192.0.2.1",
    };
  });
  tasks.start(task("t1"));
  tasks.detach(detach("t1"));
  gate.resolve();
  await rest();
  expect(settled).toMatchObject([
    { results: [], rest: [{ n: 0, tries: 1 }], againAtMs: due, sticky: { probe: "p1", source: "192.0.2.1" } },
  ]);
});

test("beyond its slots a probe declines at once", () => {
  const { tasks, said } = bench(never, 2);
  for (const id of ["t1", "t2", "t3"]) tasks.start(task(id));
  expect(said).toEqual([["decline", "t3", "no free slot"]]);
  tasks.giveBack();
});

test("a check that nobody takes or hands over is dropped and its slot free again", async () => {
  const { tasks, said } = bench(never);
  tasks.start(task("t1"));
  await vi.advanceTimersByTimeAsync(8_000 + TASK_ABANDONED_MS);
  expect(said).toEqual([["decline", "t1", "stopped"]]);
  expect(tasks.running()).toBe(0);
});

test("a check that was handed over is not dropped", async () => {
  const { tasks } = bench(never);
  tasks.start(task("t1"));
  tasks.detach(detach("t1"));
  await vi.advanceTimersByTimeAsync(100_000);
  expect(tasks.running()).toBe(1);
  tasks.giveBack();
  await rest();
  expect(vi.getTimerCount()).toBe(0);
});

test("a checker that throws is a declined check, not a dead process", async () => {
  const { tasks, said } = bench(() => {
    throw new Error("bug");
  });
  tasks.start(task("t1"));
  await rest();
  expect(said).toEqual([["decline", "t1", "stopped"]]);
});
