import type { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { asTenant, connect, makeChunk, makeJob, makeTenant, only, result, settle } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let admin: Client;
let app: Client;
let rival: Client;
let probe: Client;
let tenant: string;

beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  app = await connect(db.roleUrl("app"));
  rival = await connect(db.roleUrl("app"));
  probe = await connect(db.roleUrl("probe"));
});
beforeEach(async () => {
  tenant = await makeTenant(admin);
});
afterAll(async () => {
  await Promise.all([admin, app, rival, probe].map((client) => client.end()));
  await db.drop();
});

/**
 * A job of six rows: 0 and 1 decided at the edge, 2 repeats 0, 3 to 5 belong to a chunk and 5 repeats 3 (so the chunk
 * holds 3 and 4).
 */
async function makeList(): Promise<{ job: string; chunk: { id: string; ticket: string } }> {
  const job = await makeJob(admin, tenant, 6);
  await admin.query("UPDATE jobs SET duplicates = 2 WHERE id = $1", [job]);
  await admin.query("INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES ($1, 'hold', 6, $2)", [
    tenant,
    job,
  ]);
  await admin.query(
    `INSERT INTO job_items (job_id, row_no, tenant_id, email, dedupe, dup_of, decided)
     SELECT $1, n, $2, 'u' || n || '@example.com', 'x', (ARRAY[NULL, NULL, 0, NULL, NULL, 3])[n + 1], n < 2
       FROM generate_series(0, 5) n`,
    [job, tenant],
  );
  await admin.query(
    `INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, checked_at)
     SELECT $1, n, $2, 'u' || n || '@example.com', '', 'undeliverable', 'syntax_invalid', 0, '{"rating":"bad"}', 'edge', now()
       FROM generate_series(0, 1) n`,
    [job, tenant],
  );
  return { job, chunk: await makeChunk(admin, { tenant, job, items: [3, 4] }) };
}

async function finalise(client: Client, job: string): Promise<boolean> {
  const { rows } = await client.query<{ ended: boolean }>("SELECT finalise_job($1) AS ended", [job]);
  return only(rows).ended;
}

/** Resolves when a session of this database stands before a lock. */
async function untilOneWaits(): Promise<void> {
  for (;;) {
    const { rowCount } = await admin.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rowCount === 1) return;
  }
}

async function ledger(job: string): Promise<unknown> {
  const { rows } = await admin.query("SELECT kind, amount::int FROM credit_ledger WHERE ref = $1 ORDER BY kind", [job]);
  return rows;
}

describe("finalise_job", () => {
  it("does nothing while a chunk is open", async () => {
    const { job } = await makeList();
    expect(await asTenant(app, tenant, () => finalise(app, job))).toBe(false);
    expect(await ledger(job)).toEqual([{ kind: "hold", amount: 6 }]);
  });

  it("gives duplicates the verdict of the first, counts the truth, settles credits and raises the event", async () => {
    const { job, chunk } = await makeList();
    await admin.query(
      `INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets)
       VALUES (gen_random_uuid(), $1, 'https://a.example', '{job.completed}', '[]')`,
      [tenant],
    );
    await settle(probe, chunk.id, chunk.ticket, { results: [result(3), result(4, "unknown")] });
    expect(await asTenant(app, tenant, () => finalise(app, job))).toBe(true);
    const { rows } = await admin.query(
      "SELECT item_no, email, status, source FROM verdicts WHERE job_id = $1 ORDER BY item_no",
      [job],
    );
    expect(rows.map((row) => [row.item_no, row.email, row.status, row.source])).toEqual([
      [0, "u0@example.com", "undeliverable", "edge"],
      [1, "u1@example.com", "undeliverable", "edge"],
      [2, "u2@example.com", "undeliverable", "duplicate"],
      [3, "u3@example.com", "deliverable", "probe"],
      [4, "u4@example.com", "unknown", "probe"],
      [5, "u5@example.com", "deliverable", "duplicate"],
    ]);
    // Neither duplicates nor unknown are charged.
    expect(await ledger(job)).toEqual([
      { kind: "hold", amount: 6 },
      { kind: "release", amount: 6 },
      { kind: "settle", amount: 3 },
    ]);
    const done = only((await admin.query("SELECT state, summary, finished_at FROM jobs WHERE id = $1", [job])).rows);
    const summary = {
      total: 6,
      duplicates: 2,
      billed: 3,
      asked: 2,
      cached: 0,
      by_status: { undeliverable: 3, deliverable: 2, unknown: 1 },
      by_reason: { syntax_invalid: 3, accepted: 3 },
    };
    expect(done).toEqual({ state: "completed", summary, finished_at: expect.any(Date) });
    const usage = await admin.query("SELECT emails, billable, smtp_checks FROM usage_records WHERE ref = $1", [job]);
    expect(usage.rows).toEqual([{ emails: 6, billable: 3, smtp_checks: 2 }]);
    const events = await admin.query(
      "SELECT e.type, e.payload FROM events e JOIN deliveries d ON d.event_id = e.id WHERE e.tenant_id = $1",
      [tenant],
    );
    expect(events.rows).toEqual([{ type: "job.completed", payload: expect.objectContaining({ id: job, summary }) }]);
  });

  it("marks a list of which rows were not asked because it looked guessed", async () => {
    const { job, chunk } = await makeList();
    const refused = (n: number, rule: string) => ({
      ...result(n, "unknown"),
      reason: "policy_rejected",
      detail: { evidence: { rule } },
    });
    await settle(probe, chunk.id, chunk.ticket, {
      results: [refused(3, "harvest-guard"), refused(4, "blanket-refusal")],
    });
    expect(await asTenant(app, tenant, () => finalise(app, job))).toBe(true);
    const { summary } = only((await admin.query("SELECT summary FROM jobs WHERE id = $1", [job])).rows);
    // The row that repeats the first has its verdict.
    expect(summary).toMatchObject({ review: 2, by_reason: { policy_rejected: 3 } });
  });

  it("ends a job once when two sessions race, and a third call is told no", async () => {
    const { job, chunk } = await makeList();
    await settle(probe, chunk.id, chunk.ticket, { results: [result(3), result(4)] });
    let waiting: Promise<boolean> | undefined;
    const first = await asTenant(app, tenant, async () => {
      const ended = await finalise(app, job);
      waiting = asTenant(rival, tenant, () => finalise(rival, job));
      await untilOneWaits();
      return ended;
    });
    expect([first, await waiting]).toEqual([true, false]);
    expect(await asTenant(app, tenant, () => finalise(app, job))).toBe(false);
    const events = await admin.query("SELECT 1 FROM events WHERE tenant_id = $1", [tenant]);
    expect(events.rowCount).toBe(1);
  });

  it("refuses to end a job that lacks a verdict, and changes nothing", async () => {
    const { job, chunk } = await makeList();
    await admin.query("DELETE FROM chunks WHERE id = $1", [chunk.id]);
    await expect(asTenant(app, tenant, () => finalise(app, job))).rejects.toThrow("3 verdicts for 6 rows");
    expect(await ledger(job)).toEqual([{ kind: "hold", amount: 6 }]);
    const state = await admin.query("SELECT state FROM jobs WHERE id = $1", [job]);
    expect(state.rows).toEqual([{ state: "running" }]);
  });

  it("ends a job that the edge decided alone, and an empty one", async () => {
    const empty = await makeJob(admin, tenant, 0);
    expect(await asTenant(app, tenant, () => finalise(app, empty))).toBe(true);
    const { rows } = await admin.query("SELECT summary FROM jobs WHERE id = $1", [empty]);
    expect(rows).toEqual([
      { summary: { total: 0, duplicates: 0, billed: 0, asked: 0, cached: 0, by_status: {}, by_reason: {} } },
    ]);
  });

  it.each(["queued", "ingesting", "paused", "cancelled", "failed", "completed"])(
    "leaves a job alone that is %s",
    async (state) => {
      const job = await makeJob(admin, tenant, 0, state);
      expect(await asTenant(app, tenant, () => finalise(app, job))).toBe(false);
    },
  );
});
