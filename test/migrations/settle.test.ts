import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connect, makeChunk, makeJob, makeTenant, only, result, settle } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let admin: Client;
let probe: Client;
let second: Client;
let tenant: string;
let job: string;

beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  probe = await connect(db.roleUrl("probe"));
  second = await connect(db.roleUrl("probe"));
});
beforeEach(async () => {
  tenant = await makeTenant(admin);
  job = await makeJob(admin, tenant, 3);
});
afterAll(async () => {
  await Promise.all([admin, probe, second].map((client) => client.end()));
  await db.drop();
});

async function chunkRow(id: string): Promise<Record<string, unknown>> {
  return only((await admin.query("SELECT * FROM chunks WHERE id = $1", [id])).rows);
}

async function verdicts(jobId = job): Promise<Record<string, unknown>[]> {
  return (await admin.query("SELECT * FROM verdicts WHERE job_id = $1 ORDER BY item_no", [jobId])).rows;
}

describe("settle", () => {
  it("writes each verdict once, with tenant, job and address from the chunk", async () => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0, 1, 2] });
    const lies = { tenant_id: randomUUID(), job_id: randomUUID(), email: "someone@else.example" };
    const results = [0, 1, 2].map((n) => ({ ...result(n, n === 1 ? "undeliverable" : "deliverable"), ...lies }));
    const reply = await settle(probe, chunk.id, chunk.ticket, { results });
    expect(reply).toEqual({ outcome: "settled", next_ticket: null, drained: true, job });
    const rows = await verdicts();
    expect(rows.map((row) => [row.item_no, row.tenant_id, row.email, row.source])).toEqual(
      [0, 1, 2].map((n) => [n, tenant, `u${n}@example.com`, "probe"]),
    );
    expect(await chunkRow(chunk.id)).toMatchObject({
      state: "done",
      items: [],
      open_items: 0,
      settled: 3,
      deferred: 0,
      counts: { deliverable: 2, undeliverable: 1 },
    });
  });

  it("drops everything that comes with a ticket that is no longer the chunk's", async () => {
    const chunk = await makeChunk(admin, { tenant, job });
    const reply = await settle(probe, chunk.id, randomUUID(), { results: [result(0)] });
    expect(reply).toEqual({ outcome: "stale", next_ticket: null, drained: false, job: null });
    expect(await verdicts()).toEqual([]);
    expect(await chunkRow(chunk.id)).toMatchObject({ state: "out", ticket: chunk.ticket });
  });

  it("is stale the second time, so that a repeated call changes nothing", async () => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0, 1] });
    const call = { results: [result(0), result(1)] };
    expect((await settle(probe, chunk.id, chunk.ticket, call)).outcome).toBe("settled");
    expect((await settle(probe, chunk.id, chunk.ticket, call)).outcome).toBe("stale");
    expect(await verdicts()).toHaveLength(2);
  });

  it("settles once when two probes with the same ticket race", async () => {
    const chunk = await makeChunk(admin, { tenant, job });
    const call = { results: [result(0)] };
    const replies = await Promise.all([probe, second].map((client) => settle(client, chunk.id, chunk.ticket, call)));
    expect(replies.map((reply) => reply.outcome).sort()).toEqual(["settled", "stale"]);
  });

  it("settles nothing of a chunk that is planned, even with the right ticket", async () => {
    const chunk = await makeChunk(admin, { tenant, job, state: "planned" });
    expect((await settle(probe, chunk.id, chunk.ticket, { results: [result(0)] })).outcome).toBe("stale");
  });

  it("takes a long chunk in parts: a part keeps it out under a new ticket", async () => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0, 1, 2] });
    const part = await settle(probe, chunk.id, chunk.ticket, { results: [result(1)], hold: true });
    expect(part).toMatchObject({ outcome: "held", drained: false });
    expect(await chunkRow(chunk.id)).toMatchObject({ state: "out", open_items: 2, ticket: part.next_ticket });
    expect((await settle(probe, chunk.id, chunk.ticket, { results: [result(0)] })).outcome).toBe("stale");
    const last = await settle(probe, chunk.id, part.next_ticket ?? "", { results: [result(0), result(2)] });
    expect(last).toMatchObject({ outcome: "settled", drained: true });
    expect(await chunkRow(chunk.id)).toMatchObject({ settled: 3, counts: { deliverable: 3 } });
  });

  it("ends a held chunk whose last items came with the part", async () => {
    const chunk = await makeChunk(admin, { tenant, job });
    const reply = await settle(probe, chunk.id, chunk.ticket, { results: [result(0)], hold: true });
    expect(reply).toMatchObject({ outcome: "settled", next_ticket: null });
  });

  it("plans the rest again at its time, with what was learnt and its sticky source", async () => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0, 1, 2] });
    const againAt = new Date(Date.now() + 360_000).toISOString();
    const news = { n: 2, email: "u2@example.com", tries: 1, due: 5, first: 4, last: "450" };
    const sticky = { probe: "p1", source: "127.0.0.2" };
    const reply = await settle(probe, chunk.id, chunk.ticket, { results: [result(0)], rest: [news], againAt, sticky });
    expect(reply).toEqual({ outcome: "rest", next_ticket: null, drained: false, job });
    const row = await chunkRow(chunk.id);
    expect(row).toMatchObject({ state: "planned", open_items: 2, deferred: 2, sticky });
    expect(row.not_before).toEqual(new Date(againAt));
    expect(row.items).toEqual([{ n: 1, email: "u1@example.com", tries: 0, due: 0, first: 0 }, news]);
    expect(row.ticket).not.toBe(chunk.ticket);
  });

  it("accepts a settle without any result: all is deferred", async () => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0, 1] });
    expect((await settle(probe, chunk.id, chunk.ticket, {})).outcome).toBe("rest");
    expect(await chunkRow(chunk.id)).toMatchObject({ open_items: 2, counts: {}, settled: 0 });
  });

  it("cannot rename or invent an item by a rest", async () => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0] });
    const rest = [
      { n: 0, email: "other@example.com", tries: 9 },
      { n: 7, email: "u7@example.com" },
    ];
    await settle(probe, chunk.id, chunk.ticket, { rest });
    expect((await chunkRow(chunk.id)).items).toEqual([{ n: 0, email: "u0@example.com", tries: 0, due: 0, first: 0 }]);
  });

  it.each([
    ["an item of another chunk", [result(0), result(9)]],
    ["the same item twice", [result(0), result(0)]],
    ["an unknown status", [{ ...result(0), status: "fine" }]],
    ["a score beyond 100", [{ ...result(0), score: 101 }]],
    ["no item number", [{ ...result(0), n: null }]],
    ["a detail that is no object", [{ ...result(0), detail: 7 }]],
  ])("refuses the whole batch for %s", async (_, results) => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0, 1] });
    await expect(settle(probe, chunk.id, chunk.ticket, { results })).rejects.toThrow();
    expect(await verdicts()).toEqual([]);
    expect(await chunkRow(chunk.id)).toMatchObject({ state: "out", ticket: chunk.ticket, open_items: 2 });
  });

  it("refuses an item that a part has already settled", async () => {
    const chunk = await makeChunk(admin, { tenant, job, items: [0, 1] });
    const part = await settle(probe, chunk.id, chunk.ticket, { results: [result(0)], hold: true });
    await expect(settle(probe, chunk.id, part.next_ticket ?? "", { results: [result(0)] })).rejects.toThrow("not open");
  });

  it("says drained only with the job's last chunk", async () => {
    const chunks = [];
    for (const n of [0, 1, 2]) chunks.push(await makeChunk(admin, { tenant, job, items: [n] }));
    const drained: boolean[] = [];
    for (const [n, chunk] of chunks.entries()) {
      drained.push((await settle(probe, chunk.id, chunk.ticket, { results: [result(n)] })).drained);
    }
    expect(drained).toEqual([false, false, true]);
  });

  it("may miss drained when the last two chunks end at once; the sweep then finds the job", async () => {
    const a = await makeChunk(admin, { tenant, job, items: [0] });
    const b = await makeChunk(admin, { tenant, job, items: [1] });
    await probe.query("BEGIN");
    const first = await settle(probe, a.id, a.ticket, { results: [result(0)] });
    const other = await settle(second, b.id, b.ticket, { results: [result(1)] });
    await probe.query("COMMIT");
    expect([first.drained, other.drained]).toEqual([false, false]);
    const dispatcher = await connect(db.roleUrl("dispatcher"));
    const { rows } = await dispatcher.query(
      "SELECT id, tenant_id, state FROM jobs_to_advance(60000, 1000) WHERE id = $1",
      [job],
    );
    expect(rows).toEqual([{ id: job, tenant_id: tenant, state: "running" }]);
    await dispatcher.end();
  });

  it("puts the verdict of a month's last job into that month's partition, whenever it settles", async () => {
    const endOfLastMonth = `date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '1 millisecond'`;
    const { id, part } = only(
      (
        await admin.query<{ id: string; part: string }>(
          `SELECT overlay(uuidv7_floor(${endOfLastMonth})::text PLACING 'ffff' FROM 20 FOR 4)::uuid AS id,
                  'verdicts_' || to_char((${endOfLastMonth}) AT TIME ZONE 'UTC', 'YYYYMM') AS part`,
        )
      ).rows,
    );
    const chunk = await makeChunk(admin, { tenant, job: id });
    await settle(probe, chunk.id, chunk.ticket, { results: [result(0)] });
    const { rows } = await admin.query("SELECT tableoid::regclass::text AS part FROM verdicts WHERE job_id = $1", [id]);
    expect(rows).toEqual([{ part }]);
  });
});

describe("settle of a late real-time check", () => {
  async function billed(check: string): Promise<unknown> {
    const ledger = await admin.query("SELECT kind, amount FROM credit_ledger WHERE ref = $1", [check]);
    const usage = await admin.query(
      "SELECT endpoint, emails, billable, smtp_checks FROM usage_records WHERE ref = $1",
      [check],
    );
    return { ledger: ledger.rows, usage: usage.rows };
  }

  it("bills once and tells the tenant's endpoints that asked for it, in the same transaction", async () => {
    await admin.query(
      `INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets, state) VALUES
         (gen_random_uuid(), $1, 'https://a.example', '{verification.completed}', '[]', 'active'),
         (gen_random_uuid(), $1, 'https://b.example', '{job.completed}', '[]', 'active'),
         (gen_random_uuid(), $1, 'https://c.example', '{verification.completed}', '[]', 'disabled')`,
      [tenant],
    );
    const chunk = await makeChunk(admin, { tenant, kind: "check" });
    const reply = await settle(probe, chunk.id, chunk.ticket, { results: [result(0)] });
    expect(reply).toEqual({ outcome: "settled", next_ticket: null, drained: false, job: null });
    expect((await settle(probe, chunk.id, chunk.ticket, { results: [result(0)] })).outcome).toBe("stale");
    expect(await billed(chunk.id)).toEqual({
      ledger: [{ kind: "settle", amount: "1" }],
      usage: [{ endpoint: "verify", emails: 1, billable: 1, smtp_checks: 1 }],
    });
    const { rows } = await admin.query(
      `SELECT e.type, e.payload, w.url FROM events e JOIN deliveries d ON d.event_id = e.id
         JOIN webhook_endpoints w ON w.id = d.endpoint_id WHERE e.tenant_id = $1`,
      [tenant],
    );
    expect(rows).toEqual([
      {
        type: "verification.completed",
        url: "https://a.example",
        payload: expect.objectContaining({
          id: chunk.id,
          email: "u0@example.com",
          status: "deliverable",
          rating: "good",
        }),
      },
    ]);
  });

  it("does not charge for unknown", async () => {
    const chunk = await makeChunk(admin, { tenant, kind: "check" });
    await settle(probe, chunk.id, chunk.ticket, { results: [result(0, "unknown")] });
    expect(await billed(chunk.id)).toMatchObject({ ledger: [{ amount: "0" }], usage: [{ billable: 0 }] });
  });

  it("bills nothing while the answer is deferred", async () => {
    const chunk = await makeChunk(admin, { tenant, kind: "check" });
    await settle(probe, chunk.id, chunk.ticket, {});
    expect(await billed(chunk.id)).toEqual({ ledger: [], usage: [] });
  });
});
