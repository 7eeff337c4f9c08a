import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createLeave } from "../../../edge/verify/opinions.ts";
import { type DatabaseBench, openDatabase } from "../../support/edge-parts.ts";

let bench: DatabaseBench;
let calls = 0;
beforeAll(async () => {
  bench = await openDatabase();
});
afterAll(() => bench.close());
beforeEach(() => {
  calls = 0;
});

/** An isolate of its own, whose calls of the database are counted. */
const isolate = () =>
  createLeave({
    dispatcher: (statement) => {
      calls += 1;
      return bench.database.dispatcher(statement);
    },
  });

test("leave is given once per domain in all isolates, and a refusal is remembered", async () => {
  const [one, two] = [isolate(), isolate()];
  expect(await one("a-corp.net", "eu")).toBe(true);
  expect(await two("a-corp.net", "us")).toBe(false);
  expect(calls).toBe(2);
  expect(await one("a-corp.net", "eu")).toBe(false);
  expect(await two("a-corp.net", "us")).toBe(false);
  expect(calls).toBe(2);
  expect(await two("b-corp.net", "us")).toBe(true);
});

test("another day is another leave", async () => {
  const leave = isolate();
  expect(await leave("c-corp.net", "eu")).toBe(true);
  await bench.sql.query("UPDATE domain_facts SET expires_at = now() WHERE domain = 'c-corp.net'");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 86_400_000 });
  expect(await leave("c-corp.net", "eu")).toBe(true);
  vi.useRealTimers();
});

test("without Postgres there is none, and nobody waits for it for long", async () => {
  const away = createLeave({ dispatcher: () => Promise.reject(new Error("away")) });
  expect(await away("d-corp.net", "eu")).toBe(false);
  vi.useFakeTimers();
  const stuck = createLeave({ dispatcher: () => new Promise(() => {}) })("d-corp.net", "eu");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await stuck).toBe(false);
  vi.useRealTimers();
  expect(await isolate()("d-corp.net", "eu")).toBe(true);
});
