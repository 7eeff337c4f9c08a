import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type FleetMember, joinFleet } from "../../../probe/link/fleet.ts";
import { createSettler, type Settler } from "../../../probe/settle/settle.ts";
import { type Behaviour, fakeChecker } from "../../probe/link/fakes.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";
import { type HubHarness, startHub } from "./harness.ts";

let database: TestDatabase;
let hub: HubHarness;
const members: { member: FleetMember; settler: Settler }[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  hub = await startHub(database);
});
afterEach(async () => {
  for (const { member, settler } of members.splice(0)) {
    member.drain("test over");
    await member.ended;
    await settler.close();
  }
});
afterAll(async () => {
  await hub.close();
  await database.drop();
});

/** A probe on the real link and the real database with a checker of ours; resolves when the hub has welcomed it. */
async function probe(behaviour?: Behaviour, more: { token?: string; name?: string; window?: number } = {}) {
  const settler = createSettler(database.roleUrl("probe"), () => {});
  const welcomed = Promise.withResolvers<string>();
  const member = joinFleet(
    {
      edgeUrl: hub.url,
      token: more.token ?? hub.token,
      shard: null,
      me: {
        probe: more.name ?? "p1",
        build: "test",
        region: "eu",
        sources: [],
        slots: 4,
        window: more.window ?? 2_000,
        capabilities: [],
      },
      onWelcome: welcomed.resolve,
      onLoss: () => {},
    },
    { checker: fakeChecker(behaviour), settler, now: Date.now, log: () => {} },
  );
  members.push({ member, settler });
  await Promise.race([welcomed.promise, member.ended.then((end) => welcomed.reject(new Error(end.message)))]);
  await welcomed.promise;
  return member;
}

/** Asks again until the answer is the wanted one; the test's time limit is the only clock. */
async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const chunkState = async (id: string) => (await hub.sql.query("SELECT * FROM chunks WHERE id = $1", [id])).rows[0];
const verdictsOf = async (job: string) =>
  (await hub.sql.query("SELECT * FROM verdicts WHERE job_id = $1 ORDER BY item_no", [job])).rows;
const emails = (count: number) => Array.from({ length: count }, (_, i) => `user${i}@example.net`);
const task = (email: string, waitMs: number) => ({
  id: randomUUID(),
  email,
  options: { mode: "full" as const, role_is_risky: false, transcript: false },
  deadlineMs: Date.now() + waitMs,
});

test("a planned chunk is leased, checked, settled and forgotten, and its job is announced as drained", async () => {
  await probe();
  const { chunk, job } = await hub.plan(await hub.tenant(), emails(50));
  await hub.call("wake");
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
  expect(await verdictsOf(job)).toHaveLength(50);
  await eventually(
    () => hub.call("known", [chunk]),
    (known) => known.length === 0,
  );
  await eventually(hub.announced, (all) => JSON.stringify(all).includes(job));
  expect(await hub.rows("SELECT * FROM chunk")).toEqual([]);
});

test("a real-time check comes back on the same path", async () => {
  await probe();
  expect(await hub.call("verify", task("someone@example.net", 5_000))).toMatchObject({
    kind: "answer",
    verdict: { email: "someone@example.net", status: "deliverable" },
  });
});

test("without a probe a real-time check is refused at once", async () => {
  expect(await hub.call("verify", task("someone@example.net", 60_000))).toEqual({ kind: "no_probe" });
});
