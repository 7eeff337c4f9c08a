import { randomUUID } from "node:crypto";
import fc from "fast-check";
import type { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Chunk,
  type ChunkSeed,
  connect,
  makeChunk,
  makeJob,
  makeTenant,
  only,
  result,
} from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let admin: Client;
let probe: Client;
let dispatcher: Client;
let tenant = "";

beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  probe = await connect(db.roleUrl("probe"));
  dispatcher = await connect(db.roleUrl("dispatcher"));
});
afterAll(async () => {
  await Promise.all([admin.end(), probe.end(), dispatcher.end()]);
  await db.drop();
});
beforeEach(async () => {
  await admin.query(
    "TRUNCATE chunks, verdicts, hub_loads, domain_facts, jobs, usage_records, credit_ledger, events, deliveries",
  );
  tenant = await makeTenant(admin);
});

const load = (hub: string, probes = 1, room = 100) => {
  const [, region = "", shard = ""] = hub.split(":");
  return { hub, region, shard: Number(shard), probes, room };
};
const report = async (...loads: ReturnType<typeof load>[]) =>
  (await dispatcher.query("SELECT * FROM report_hubs($1, 100)", [JSON.stringify(loads)])).rows;
const move = async (from: string, to: string, most = 100) =>
  only((await dispatcher.query("SELECT move_chunks($1, $2, $3, 60000) AS moved", [from, to, most])).rows).moved;
const plan = (more: Partial<ChunkSeed> = {}) => makeChunk(admin, { tenant, state: "planned", ...more });
const setSticky = (chunk: Chunk) =>
  admin.query(`UPDATE chunks SET sticky = '{"probe":"p1","source":"192.0.2.1"}' WHERE id = $1`, [chunk.id]);
const hubsOf = async () =>
  (await admin.query("SELECT hub, count(*)::integer AS n FROM chunks GROUP BY 1 ORDER BY 1")).rows;

describe("moving chunks", () => {
  it("takes planned ones, urgent lanes first, as many as asked, and the other hub is given them", async () => {
    await plan({ lane: 3 });
    const urgent = await plan({ lane: 1 });
    expect(await move("hub:eu:0", "hub:us:0", 1)).toBe(1);
    const { rows } = await dispatcher.query("SELECT id FROM refill('hub:us:0', 100, 10)");
    expect(rows).toEqual([{ id: urgent.id }]);
    expect(await hubsOf()).toEqual([
      { hub: "hub:eu:0", n: 1 },
      { hub: "hub:us:0", n: 1 },
    ]);
  });

  it("leaves alone what is out, held, done or another hub's", async () => {
    await plan({ state: "out" });
    await plan({ hub: "hub:eu:1" });
    const held = await plan();
    await admin.query("UPDATE chunks SET state = 'held' WHERE id = $1", [held.id]);
    expect(await move("hub:eu:0", "hub:us:0")).toBe(0);
  });

  it("leaves deferred items their source address until long after their time, and then frees them of it", async () => {
    await setSticky(await plan({ dueInMs: -30_000 }));
    expect(await move("hub:eu:0", "hub:us:0")).toBe(0);
    await setSticky(await plan({ dueInMs: -90_000 }));
    expect(await move("hub:eu:0", "hub:us:0")).toBe(1);
    const { rows } = await admin.query("SELECT sticky FROM chunks WHERE hub = 'hub:us:0'");
    expect(rows).toEqual([{ sticky: null }]);
  });

  it("passes over what a refill is taking at the same moment", async () => {
    await plan();
    const taker = await connect(db.roleUrl("dispatcher"));
    await taker.query("BEGIN");
    expect((await taker.query("SELECT id FROM refill('hub:eu:0', 100, 10)")).rows).toHaveLength(1);
    expect(await move("hub:eu:0", "hub:us:0")).toBe(0);
    await taker.query("COMMIT");
    await taker.end();
    expect(await hubsOf()).toEqual([{ hub: "hub:eu:0", n: 1 }]);
  });
});

describe("what hubs report", () => {
  it("tells since when a hub has been without probes; one probe resets it", async () => {
    const [first] = await report(load("hub:eu:0", 0));
    expect(Number(first.empty_ms)).toBe(0);
    await admin.query("UPDATE hub_loads SET empty_since = empty_since - interval '5 minutes'");
    const [later] = await report(load("hub:eu:0", 0));
    expect(Number(later.empty_ms)).toBeGreaterThanOrEqual(300_000);
    await report(load("hub:eu:0", 1));
    const [again] = await report(load("hub:eu:0", 0));
    expect(Number(again.empty_ms)).toBe(0);
  });

  it("counts what is due there, up to a bound", async () => {
    for (const dueInMs of [0, -5, 60_000]) await plan({ dueInMs });
    await plan({ state: "out" });
    expect(only(await report(load("hub:eu:0")))).toMatchObject({ due: 2, probes: 1, room: "100" });
  });
});

describe("leave for second opinions", () => {
  const claim = async (...domains: string[]) =>
    (await dispatcher.query("SELECT claim_opinions($1, 'eu') AS d", [domains])).rows.map((row) => row.d).sort();

  it("is given once per domain and day", async () => {
    expect(await claim("a.example", "b.example", "a.example")).toEqual(["a.example", "b.example"]);
    expect(await claim("b.example", "c.example")).toEqual(["c.example"]);
    await admin.query("UPDATE domain_facts SET expires_at = now() WHERE domain = 'a.example'");
    expect(await claim("a.example", "b.example")).toEqual(["a.example"]);
  });

  it("ends with the UTC day", async () => {
    await claim("a.example");
    const { rows } = await admin.query(
      "SELECT expires_at = (((now() AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC') AS midnight FROM domain_facts",
    );
    expect(rows).toEqual([{ midnight: true }]);
  });

  it("is given to one of many who ask at once", async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(db.roleUrl("dispatcher"))));
    const asked = ["x.example", "y.example", "z.example"];
    const answers = await Promise.all(
      clients.map((client, i) => client.query("SELECT claim_opinions($1, 'eu')", [i % 2 ? asked : asked.toReversed()])),
    );
    expect(answers.reduce((sum, answer) => sum + answer.rows.length, 0)).toBe(3);
    await Promise.all(clients.map((client) => client.end()));
  });
});

type Opinion = { item: { n: number }; domain: string; result?: object; rest?: object };
type Call = { results?: object[]; rest?: object[]; againAt?: string; opinions: Opinion[] };

const settleAsking = async (chunk: Chunk, { results = [], rest = [], againAt, opinions }: Call) =>
  only(
    (
      await probe.query("SELECT * FROM settle_asking($1, $2, $3, $4, $5, NULL, $6)", [
        chunk.id,
        chunk.ticket,
        JSON.stringify(results),
        JSON.stringify(rest),
        againAt ?? null,
        JSON.stringify(opinions),
      ])
    ).rows,
  );
const item = (n: number, more: object = {}) => ({ n, email: `u${n}@example.com`, tries: 1, due: 0, first: 1, ...more });
const chunksOf = async (job: string) =>
  (
    await admin.query(
      `SELECT id, hub, state, ticket, open_items, sticky, not_before, jsonb_path_query_array(items, '$.n') AS ns, items, kind, lane, trace_id
         FROM chunks WHERE job_id = $1 ORDER BY hub`,
      [job],
    )
  ).rows;

describe("settling with a second opinion", () => {
  const out = async (items: number[], more: Partial<ChunkSeed> = {}) => {
    const job = await makeJob(admin, tenant, items.length);
    return makeChunk(admin, { tenant, job, state: "out", items, ...more });
  };

  it("hands the items to another region's hub of the same shard, in a chunk of their own", async () => {
    await report(load("hub:eu:0"), load("hub:us:0", 1), load("hub:us:1", 9));
    const chunk = await out([0, 1, 2]);
    const opinions = [{ item: item(1), domain: "a.example", result: result(1, "unknown") }];
    const rest = [item(2, { due: 5 })];
    const againAt = new Date(Date.now() + 60_000).toISOString();
    const reply = await settleAsking(chunk, { results: [result(0)], rest, againAt, opinions });
    expect(reply).toMatchObject({ outcome: "rest", drained: false, elsewhere: 1 });
    const [here, there] = await chunksOf(chunk.job_id);
    expect(here).toMatchObject({ hub: "hub:eu:0", state: "planned", ns: [2], open_items: 1 });
    expect(here.not_before.toISOString()).toBe(againAt);
    expect(there).toMatchObject({ hub: "hub:us:0", state: "planned", ns: [1], open_items: 1, lane: 2, sticky: null });
    expect(there.items).toEqual([item(1, { asked: ["eu"] })]);
  });

  it("passes the whole chunk on when nothing else is left of it, as for a check of one address", async () => {
    await report(load("hub:us:0"));
    const check = await makeChunk(admin, { tenant, kind: "check", lane: 0 });
    const due = Date.now() + 600_000;
    const opinions = [{ item: item(0, { due }), domain: "a.example", rest: item(0, { due }) }];
    expect(await settleAsking(check, { opinions })).toMatchObject({ outcome: "rest", drained: false });
    const moved = only(await chunksOf(check.job_id));
    expect(moved).toMatchObject({ id: check.id, hub: "hub:us:0", state: "planned", kind: "check", ns: [0] });
    expect(moved.not_before.getTime()).toBe(due);
    expect(moved.ticket).not.toBe(check.ticket);
  });

  it("changes nothing where there is no other region with probes", async () => {
    await report(load("hub:eu:0"), load("hub:eu:1"), load("hub:us:0", 0));
    const chunk = await out([0, 1]);
    const due = Date.now() + 600_000;
    const opinions = [
      { item: item(0), domain: "a.example", result: result(0, "unknown") },
      { item: item(1), domain: "b.example", rest: item(1, { due }) },
    ];
    expect(await settleAsking(chunk, { opinions })).toMatchObject({ outcome: "rest", elsewhere: 0 });
    const left = only(await chunksOf(chunk.job_id));
    expect(left).toMatchObject({ hub: "hub:eu:0", state: "planned", ns: [1], open_items: 1 });
    expect(left.not_before.getTime()).toBe(due);
    expect((await admin.query("SELECT item_no, status FROM verdicts")).rows).toEqual([
      { item_no: 0, status: "unknown" },
    ]);
    expect((await admin.query("SELECT 1 FROM domain_facts")).rows).toEqual([]);
  });

  it("does not trust a report of long ago", async () => {
    await report(load("hub:us:0"));
    await admin.query("UPDATE hub_loads SET seen_at = seen_at - interval '4 minutes'");
    const chunk = await out([0]);
    const opinions = [{ item: item(0), domain: "a.example", result: result(0, "unknown") }];
    expect(await settleAsking(chunk, { opinions })).toMatchObject({ outcome: "settled", drained: true, elsewhere: 0 });
  });

  it("is had once per domain and day, by single checks and lists together", async () => {
    await report(load("hub:us:0"));
    await dispatcher.query("SELECT claim_opinions('{a.example}', 'eu')");
    const chunk = await out([0, 1]);
    const opinions = ["a.example", "b.example"].map((domain, n) => ({
      item: item(n),
      domain,
      result: result(n, "unknown"),
    }));
    expect(await settleAsking(chunk, { opinions })).toMatchObject({ outcome: "settled", drained: false, elsewhere: 1 });
    expect((await chunksOf(chunk.job_id)).map(({ state, ns }) => [state, ns])).toEqual([
      ["done", []],
      ["planned", [1]],
    ]);
  });

  it("drops everything under an old ticket", async () => {
    await report(load("hub:us:0"));
    const chunk = await out([0, 1]);
    const opinions = [{ item: item(0), domain: "a.example", result: result(0, "unknown") }];
    const late = { ...chunk, ticket: randomUUID() };
    expect(await settleAsking(late, { results: [result(1)], opinions })).toMatchObject({ outcome: "stale" });
    expect((await admin.query("SELECT 1 FROM verdicts UNION ALL SELECT 1 FROM domain_facts")).rows).toEqual([]);
    expect(only(await chunksOf(chunk.job_id))).toMatchObject({ state: "out", ns: [0, 1] });
  });

  it("refuses opinions on items that are not open, and an item both judged and passed on", async () => {
    await report(load("hub:us:0"));
    const chunk = await out([0]);
    const stranger = [{ item: item(7), domain: "a.example", result: result(7) }];
    await expect(settleAsking(chunk, { opinions: stranger })).rejects.toThrow("not open");
    const both = [{ item: item(0), domain: "a.example", result: result(0) }];
    await expect(settleAsking(chunk, { results: [result(0)], opinions: both })).rejects.toThrow("both");
    const two = await out([0, 1]);
    await expect(settleAsking(two, { results: [result(0)], opinions: both })).rejects.toThrow("not open");
    expect((await admin.query("SELECT 1 FROM domain_facts")).rows).toEqual([]);
  });

  it("holds what it passes on while the job is paused", async () => {
    await report(load("hub:us:0"));
    const chunk = await out([0, 1]);
    await admin.query("UPDATE jobs SET state = 'paused' WHERE id = $1", [chunk.job_id]);
    const opinions = [{ item: item(0), domain: "a.example", result: result(0) }];
    await settleAsking(chunk, { results: [result(1)], opinions });
    expect((await chunksOf(chunk.job_id)).map(({ state }) => state)).toEqual(["done", "held"]);
  });

  it("waits for whoever is cancelling the job, and then finds its ticket stale", async () => {
    await report(load("hub:us:0"));
    const chunk = await out([0, 1]);
    const canceller = await connect(db.superuserUrl);
    await canceller.query("BEGIN");
    await canceller.query("SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE", [chunk.job_id]);
    const opinions = [{ item: item(0), domain: "a.example", result: result(0) }];
    const settled = settleAsking(chunk, { results: [result(1)], opinions });
    let over = false;
    void settled.finally(() => {
      over = true;
    });
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%settle_asking%'";
    while (!over && (await admin.query(`${waiting} AND pid <> pg_backend_pid()`)).rows.length === 0);
    expect(over).toBe(false);
    await canceller.query(
      "UPDATE chunks SET state = 'done', ticket = gen_random_uuid(), items = '[]', open_items = 0 WHERE job_id = $1",
      [chunk.job_id],
    );
    await canceller.query("COMMIT");
    await canceller.end();
    expect(await settled).toMatchObject({ outcome: "stale" });
    expect(await chunksOf(chunk.job_id)).toHaveLength(1);
  });

  it("keeps every item in exactly one place, whatever is settled, deferred or passed on, again and again", async () => {
    const fate = fc.constantFrom("result", "rest", "open", "opinion", "opinion-or-rest");
    const round = fc.array(fc.tuple(fate, fc.integer({ min: 0, max: 3 })), { minLength: 8, maxLength: 8 });
    const plans = fc.tuple(
      fc.array(round, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(plans, async ([rounds, others, size]) => {
        await admin.query("TRUNCATE hub_loads, domain_facts");
        if (others) await report(load("hub:us:0"), load("hub:eu:0"));
        const first = await out(Array.from({ length: size }, (_, n) => n));
        for (const fates of rounds) {
          await admin.query(
            "UPDATE chunks SET state = 'out', ticket = gen_random_uuid() WHERE job_id = $1 AND state = 'planned'",
            [first.job_id],
          );
          for (const chunk of (await chunksOf(first.job_id)).filter(({ state }) => state === "out")) {
            const call: Required<Pick<Call, "results" | "rest" | "opinions">> = { results: [], rest: [], opinions: [] };
            for (const n of chunk.ns as number[]) {
              const [what, domain] = fates[n] ?? ["open", 0];
              const otherwise = what === "opinion" ? { result: result(n, "unknown") } : { rest: item(n) };
              if (what === "result") call.results.push(result(n));
              else if (what === "rest") call.rest.push(item(n));
              else if (what !== "open")
                call.opinions.push({ item: item(n), domain: `d${domain}.example`, ...otherwise });
            }
            await settleAsking({ ...chunk, job_id: first.job_id }, call);
            expect(await settleAsking({ ...chunk, job_id: first.job_id }, call)).toMatchObject({ outcome: "stale" });
          }
        }
        const chunks = await chunksOf(first.job_id);
        for (const chunk of chunks) {
          expect(chunk.open_items).toBe(chunk.ns.length);
          expect(chunk.state).toBe(chunk.ns.length === 0 ? "done" : "planned");
        }
        const verdicts = await admin.query("SELECT item_no FROM verdicts WHERE job_id = $1", [first.job_id]);
        const places = [...chunks.flatMap(({ ns }) => ns), ...verdicts.rows.map((row) => row.item_no)];
        expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, n) => n));
      }),
      { seed: 11, numRuns: 40 },
    );
  });
});
