import fc from "fast-check";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asTenant, connect, makeTenant, only, result, settle } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let admin: Client;
/** Sessions of the Worker, of the hub and of probes, so that calls can truly race. */
let apps: Client[];
let dispatcher: Client;
let probes: Client[];

beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  apps = await Promise.all([1, 2, 3].map(() => connect(db.roleUrl("app"))));
  probes = await Promise.all([1, 2].map(() => connect(db.roleUrl("probe"))));
  dispatcher = await connect(db.roleUrl("dispatcher"));
});
afterAll(async () => {
  await Promise.all([admin, dispatcher, ...apps, ...probes].map((client) => client.end()));
  await db.drop();
});

const LIMITS = JSON.stringify({ free: 1, starter: 3 });
const BLANK = JSON.stringify({ score: 50, detail: { rating: "fair" } });
const SIZE = 4;

type List = { readonly tenant: string; readonly job: string; readonly rows: number };

/** A planned job of `chunks` chunks; every third row repeats the first of its chunk, the last one was decided before. */
async function planned(chunks: number, tenant?: string, state = "running"): Promise<List> {
  const owner = tenant ?? (await makeTenant(admin));
  const rows = chunks * SIZE + 1;
  const { rows: made } = await admin.query<{ id: string }>(
    `INSERT INTO jobs (id, tenant_id, state, source_kind, source_key, staged_rows, ingested, checkpoint, duplicates)
     VALUES (uuidv7(), $1, $2, 'json', 'test', $3, true, '{"planned": {}}', $4) RETURNING id`,
    [owner, state, rows, chunks],
  );
  const job = only(made).id;
  await admin.query("INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES ($1, 'hold', $2, $3)", [
    owner,
    rows,
    job,
  ]);
  await admin.query(
    `INSERT INTO job_items (job_id, row_no, tenant_id, email, domain, dedupe, dup_of, decided)
     SELECT $1, n, $2, 'u' || n || '@example.com', 'example.com', sha256(n::text::bytea),
            CASE WHEN n <= $3::int * $4::int AND n % $4::int = 3 THEN n - 2 END, n > $3::int * $4::int
       FROM generate_series(1, $3::int * $4::int + 1) n`,
    [job, owner, chunks, SIZE],
  );
  await admin.query(
    `INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, checked_at)
     VALUES ($1, $2, $3, 'x', 'x', 'undeliverable', 'syntax_invalid', 0, '{}', 'edge', now())`,
    [job, rows, owner],
  );
  for (let c = 0; c < chunks; c++) {
    const items = [1, 2, 4]
      .map((k) => c * SIZE + k)
      .map((n) => ({ n, email: `u${n}@example.com`, tries: 0, due: 0, first: 0 }));
    await admin.query(
      `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, state, items, open_items)
       VALUES (uuidv7(), $1, $2, 'job', $3, 2, $4, $5, 3)`,
      [owner, job, `hub:${owner}`, state === "running" ? "planned" : "held", JSON.stringify(items)],
    );
  }
  return { tenant: owner, job, rows };
}

const call = async (client: Client, { tenant, job }: List, sql: string): Promise<boolean> =>
  asTenant(
    client,
    tenant,
    async () => only((await client.query<{ done: boolean }>(`SELECT ${sql} AS done`, [job])).rows).done,
  );
const cancel = (client: Client, list: List) => call(client, list, `cancel_job($1, '${BLANK}')`);
const pause = (client: Client, list: List) => call(client, list, "pause_job($1)");
const finalise = (client: Client, list: List) => call(client, list, "finalise_job($1)");
const resume = async (client: Client, { tenant, job }: List): Promise<void> => {
  await asTenant(client, tenant, () =>
    client.query("UPDATE jobs SET state = 'queued' WHERE id = $1 AND state = 'paused'", [job]),
  );
};
const start = (client: Client, tenant: string) =>
  asTenant(
    client,
    tenant,
    async () => (await client.query<{ id: string }>("SELECT id FROM start_jobs($1)", [LIMITS])).rows,
  );

type Taken = { id: string; ticket: string; items: { n: number }[] };
const refill = async ({ tenant }: List, room = 3): Promise<Taken[]> =>
  (await dispatcher.query<Taken>("SELECT id, ticket, items FROM refill($1, $2, 1)", [`hub:${tenant}`, room])).rows;
const settleAll = (probe: Client, chunk: Taken) =>
  settle(probe, chunk.id, chunk.ticket, { results: chunk.items.map(({ n }) => result(n)) });

/** What must hold of a job that has ended, however it ended. */
async function judge({ tenant, job, rows }: List): Promise<void> {
  const { rows: verdicts } = await admin.query<{ asked: number; total: number; waiting: number }>(
    `SELECT count(*)::int AS total, count(*) FILTER (WHERE source = 'probe')::int AS asked,
            count(DISTINCT item_no)::int AS waiting FROM verdicts WHERE job_id = $1`,
    [job],
  );
  const found = only(verdicts);
  expect(found).toMatchObject({ total: rows, waiting: rows });
  const ledger = await admin.query("SELECT kind, amount::int FROM credit_ledger WHERE ref = $1 ORDER BY kind", [job]);
  expect(ledger.rows).toEqual([
    { kind: "hold", amount: rows },
    { kind: "release", amount: rows },
    { kind: "settle", amount: found.asked + 1 },
  ]);
  const usage = await admin.query("SELECT emails, billable FROM usage_records WHERE ref = $1", [job]);
  expect(usage.rows).toEqual([{ emails: rows, billable: found.asked + 1 }]);
  const open = await admin.query("SELECT 1 FROM chunks WHERE job_id = $1 AND state <> 'done'", [job]);
  expect(open.rowCount).toBe(0);
  const events = await admin.query("SELECT 1 FROM events WHERE tenant_id = $1 AND payload ->> 'id' = $2", [
    tenant,
    job,
  ]);
  expect(events.rowCount).toBe(1);
}

const state = async ({ job }: List): Promise<string> =>
  only((await admin.query<{ state: string }>("SELECT state FROM jobs WHERE id = $1", [job])).rows).state;

describe("races", () => {
  const [one, two, three] = [() => apps[0] as Client, () => apps[1] as Client, () => apps[2] as Client];
  const [p1, p2] = [() => probes[0] as Client, () => probes[1] as Client];

  it.each(Array.from({ length: 12 }, (_, i) => i))(
    "cancel and settles at the same moment agree on what was verified (%d)",
    async () => {
      const list = await planned(3);
      const taken = [...(await refill(list)), ...(await refill(list)), ...(await refill(list))];
      const [, , a, b] = await Promise.all([
        cancel(one(), list),
        cancel(two(), list),
        settleAll(p1(), taken[0] as Taken),
        settleAll(p2(), taken[1] as Taken),
        finalise(three(), list),
      ]);
      for (const reply of [a, b]) expect(["settled", "stale"]).toContain(reply?.outcome);
      expect(await state(list)).toBe("cancelled");
      await judge(list);
      expect((await settleAll(p1(), taken[2] as Taken)).outcome).toBe("stale");
      await judge(list);
    },
  );

  it.each(Array.from({ length: 6 }, (_, i) => i))(
    "cancel and the end at the same moment end the job once (%d)",
    async () => {
      const list = await planned(1);
      const [chunk] = await refill(list);
      await settleAll(p1(), chunk as Taken);
      const [cancelled, ended] = await Promise.all([cancel(one(), list), finalise(two(), list)]);
      expect([cancelled, ended].filter(Boolean)).toHaveLength(1);
      expect(await state(list)).toBe(cancelled ? "cancelled" : "completed");
      await judge(list);
    },
  );

  it.each(Array.from({ length: 6 }, (_, i) => i))("a slot is given once, whoever asks for it (%d)", async () => {
    const tenant = await makeTenant(admin);
    const waiting: List[] = [];
    for (let i = 0; i < 3; i++) waiting.push(await planned(1, tenant, "queued"));
    const started = await Promise.all(apps.map((client) => start(client, tenant)));
    expect(started.flat()).toHaveLength(1);
    const states: string[] = [];
    for (const list of waiting) states.push(await state(list));
    expect(states.sort()).toEqual(["queued", "queued", "running"]);
  });

  it.each(Array.from({ length: 6 }, (_, i) => i))(
    "rows staged while a list is cancelled are all counted or all refused (%d)",
    async () => {
      const tenant = await makeTenant(admin);
      const { rows } = await admin.query<{ id: string }>(
        `INSERT INTO jobs (id, tenant_id, state, source_kind, source_key) VALUES (uuidv7(), $1, 'ingesting', 'json', 'x') RETURNING id`,
        [tenant],
      );
      const list = { tenant, job: only(rows).id, rows: 0 };
      const stage = (client: Client, from: number): Promise<boolean> =>
        asTenant(client, tenant, async () => {
          await client.query("SELECT keep_ingesting($1)", [list.job]);
          await client.query(
            `INSERT INTO job_items (job_id, row_no, tenant_id, email, dedupe)
           SELECT $1, n, $2, 'u' || n || '@example.com', sha256(n::text::bytea) FROM generate_series($3::int, $3 + 99) n`,
            [list.job, tenant, from],
          );
          await client.query(
            "UPDATE jobs SET staged_rows = $2 WHERE id = $1 AND state = 'ingesting' AND staged_rows < $2",
            [list.job, from + 99],
          );
          return true;
        }).catch((error: { code?: string }) => {
          expect(error.code).toBe("MS004");
          return false;
        });
      const [, first, second] = await Promise.all([cancel(one(), list), stage(two(), 1), stage(three(), 101)]);
      const staged = [first, second].filter(Boolean).length * 100;
      const job = only((await admin.query("SELECT state, staged_rows FROM jobs WHERE id = $1", [list.job])).rows);
      expect(job).toEqual({ state: "cancelled", staged_rows: staged });
      const verdicts = await admin.query("SELECT 1 FROM verdicts WHERE job_id = $1 AND reason = 'not_checked'", [
        list.job,
      ]);
      expect(verdicts.rowCount).toBe(staged);
    },
  );

  it("a pause that a refill overtakes lets that chunk be finished, and holds all others", async () => {
    const list = await planned(4);
    const [taken] = await Promise.all([refill(list), pause(one(), list)]);
    expect(await refill(list, 100)).toEqual([]);
    for (const chunk of taken) expect((await settleAll(p1(), chunk)).outcome).toBe("settled");
    const held = await admin.query("SELECT 1 FROM chunks WHERE job_id = $1 AND state = 'held'", [list.job]);
    expect(held.rowCount).toBe(4 - taken.length);
    await cancel(one(), list);
    await judge(list);
  });
});

type Step =
  | { readonly do: "refill" | "pause" | "resume" | "start" | "finalise" | "replan" | "cancel" }
  | { readonly do: "settle"; readonly lease: number; readonly upTo: number; readonly hold: boolean };

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant<Step>({ do: "refill" }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("settle" as const),
        lease: fc.nat(9),
        upTo: fc.nat(3),
        hold: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.constantFrom<Step>({ do: "pause" }, { do: "resume" }, { do: "start" }) },
    { weight: 2, arbitrary: fc.constantFrom<Step>({ do: "finalise" }, { do: "replan" }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: "cancel" }) },
  ),
  { maxLength: 30 },
);

describe("a job", () => {
  it("ends with one verdict for each row and exactly the verified ones billed, whatever its owner and its probes do", async () => {
    const app = apps[0] as Client;
    const probe = probes[0] as Client;
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const list = await planned(2);
        const leases: Taken[] = [];
        for (const step of script) await take(step, list, leases, app, probe);
        // Whatever was done, the job can be brought to its end.
        await resume(app, list);
        await start(app, list.tenant);
        for (let more = await refill(list, 100); more.length > 0; more = await refill(list, 100)) {
          for (const chunk of more) await settleAll(probe, chunk);
        }
        const { rows } = await admin.query<{ id: string; ticket: string }>(
          "SELECT id, ticket FROM chunks WHERE job_id = $1 AND state = 'out'",
          [list.job],
        );
        await dispatcher.query("SELECT replan($1)", [JSON.stringify(rows)]);
        for (let more = await refill(list, 100); more.length > 0; more = await refill(list, 100)) {
          for (const chunk of more) await settleAll(probe, chunk);
        }
        await finalise(app, list);
        expect(["completed", "cancelled"]).toContain(await state(list));
        await judge(list);
      }),
      { seed: 20261120, numRuns: 60 },
    );
  });
});

async function take(step: Step, list: List, leases: Taken[], app: Client, probe: Client): Promise<void> {
  if (step.do === "settle") await settleSome(step, leases, probe);
  else if (step.do === "refill") leases.push(...(await refill(list)));
  else if (step.do === "pause") await pause(app, list);
  else if (step.do === "resume") await resume(app, list);
  else if (step.do === "start") await start(app, list.tenant);
  else if (step.do === "finalise") await finalise(app, list);
  else if (step.do === "cancel") await cancel(app, list);
  else if (step.do === "replan") {
    await dispatcher.query("SELECT replan($1)", [JSON.stringify(leases.map(({ id, ticket }) => ({ id, ticket })))]);
  }
}

/** Late words under an old ticket are said again, too, and must change nothing. */
async function settleSome(step: Extract<Step, { do: "settle" }>, leases: Taken[], probe: Client): Promise<void> {
  const at = step.lease % Math.max(1, leases.length);
  const lease = leases[at];
  if (lease === undefined) return;
  const results = lease.items.slice(0, step.upTo).map(({ n }) => result(n));
  const reply = await settle(probe, lease.id, lease.ticket, { results, hold: step.hold });
  if (reply.outcome === "held") {
    leases[at] = { ...lease, ticket: reply.next_ticket ?? "", items: lease.items.slice(step.upTo) };
  }
}
