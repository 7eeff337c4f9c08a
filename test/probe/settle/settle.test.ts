import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { uuidv7 } from "../../../dev/hub/stand.ts";
import { createSettler, type Settlement, type Settler } from "../../../probe/settle/settle.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";
import { verdictFor } from "../link/fakes.ts";

let database: TestDatabase;
let sql: Client;
let settler: Settler;
const troubles: string[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  sql = new Client({ connectionString: database.superuserUrl });
  await sql.connect();
  settler = createSettler(database.roleUrl("probe"), (message) => troubles.push(message));
});
afterEach(() => {
  troubles.length = 0;
});
afterAll(async () => {
  await settler.close();
  await sql.end();
  await database.drop();
});

const patience = () => AbortSignal.timeout(20_000);

/** A chunk of that many items, out under a ticket. */
async function chunkOut(items: number) {
  const [chunk, ticket, tenant, job] = [randomUUID(), randomUUID(), randomUUID(), uuidv7()];
  await sql.query("INSERT INTO tenants (id, name) VALUES ($1, 'test')", [tenant]);
  const list = Array.from({ length: items }, (_, n) => ({ n, email: `u${n}@example.net`, tries: 0, due: 0, first: 0 }));
  await sql.query(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, state, ticket, out_at, items, open_items)
     VALUES ($1, $2, $3, 'job', 'hub:eu:0', 2, 'out', $4, now(), $5, $6)`,
    [chunk, tenant, job, ticket, JSON.stringify(list), items],
  );
  return { chunk, ticket, job, list };
}

const settlement = (of: { chunk: string; ticket: string }, more: Partial<Settlement>): Settlement => ({
  ...of,
  results: [],
  rest: [],
  hold: false,
  againAtMs: null,
  opinions: [],
  sticky: null,
  ...more,
});
const finding = (n: number) => ({ n, verdict: verdictFor(`u${n}@example.net`) });

describe("settle", () => {
  test("writes each verdict whole: what is not a column is in detail", async () => {
    const { chunk, ticket, job } = await chunkOut(1);
    const verdict = { ...verdictFor("u0@example.net"), checked_at: "2026-11-20T10:00:00.123Z" };
    const reply = await settler.settle(settlement({ chunk, ticket }, { results: [{ n: 0, verdict }] }), patience());
    expect(reply).toEqual({ outcome: "settled", drained: true, job });
    const { rows } = await sql.query("SELECT * FROM verdicts WHERE job_id = $1", [job]);
    expect(rows).toHaveLength(1);
    const { email, status, reason, score, detail, checked_at } = rows[0];
    expect({ ...detail, email, status, reason, score, checked_at: checked_at.toISOString() }).toEqual(verdict);
  });

  test("goes on under the ticket of the last part, and the old ticket is stale", async () => {
    const { chunk, ticket } = await chunkOut(2);
    const part = await settler.settle(settlement({ chunk, ticket }, { results: [finding(0)], hold: true }), patience());
    if (part?.outcome !== "held") throw new Error(`expected held, got ${part?.outcome}`);
    const last = { results: [finding(1)] };
    expect(await settler.settle(settlement({ chunk, ticket }, last), patience())).toEqual({ outcome: "stale" });
    expect(await settler.settle(settlement({ chunk, ticket: part.ticket }, last), patience())).toMatchObject({
      outcome: "settled",
    });
  });

  test("plans the rest for when it is due, with its probe and source address", async () => {
    const { chunk, ticket, list } = await chunkOut(2);
    const due = Date.now() + 60_000;
    const rest = list.slice(1).map((item) => ({ ...item, tries: 1, due, first: 5, last: "451 later" }));
    const more = { results: [finding(0)], rest, againAtMs: due, sticky: { probe: "p1", source: "192.0.2.1" } };
    expect(await settler.settle(settlement({ chunk, ticket }, more), patience())).toMatchObject({ outcome: "rest" });
    const { rows } = await sql.query("SELECT state, items, sticky, not_before FROM chunks WHERE id = $1", [chunk]);
    expect(rows[0]).toMatchObject({ state: "planned", items: rest, sticky: more.sticky });
    expect(rows[0].not_before.getTime()).toBe(due);
  });

  test("a server's words may hold NUL and broken characters", async () => {
    const { chunk, ticket, job } = await chunkOut(1);
    const verdict = verdictFor("u0@example.net");
    const odd = { ...verdict, evidence: { ...verdict.evidence, text: "a\0b \ud800 c \\u0000 \\" } };
    const reply = await settler.settle(
      settlement({ chunk, ticket }, { results: [{ n: 0, verdict: odd }] }),
      patience(),
    );
    expect(reply).toMatchObject({ outcome: "settled" });
    const { rows } = await sql.query("SELECT detail FROM verdicts WHERE job_id = $1", [job]);
    expect(rows[0].detail.evidence.text).toBe("ab \ufffd c \\u0000 \\");
  });

  test("what the database refuses is reported once and not tried again", async () => {
    const { chunk, ticket, job } = await chunkOut(1);
    const reply = await settler.settle(settlement({ chunk, ticket }, { results: [finding(5)] }), patience());
    expect(reply).toMatchObject({ outcome: "failed", message: expect.stringContaining("not open") });
    expect(troubles).toHaveLength(1);
    expect((await sql.query("SELECT 1 FROM verdicts WHERE job_id = $1", [job])).rowCount).toBe(0);
  });

  test("a broken connection is another try, not a loss", async () => {
    const { chunk, ticket, job } = await chunkOut(1);
    const holder = new Client({ connectionString: database.superuserUrl });
    await holder.connect();
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM chunks WHERE id = $1 FOR UPDATE", [chunk]);
    const settling = settler.settle(settlement({ chunk, ticket }, { results: [finding(0)] }), patience());
    const waiting = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database() AND usename = 'probe' AND wait_event_type = 'Lock'`;
    while ((await sql.query(waiting)).rowCount === 0) await sql.query("SELECT pg_sleep(0.01)");
    await holder.query("COMMIT");
    await holder.end();
    expect(await settling).toMatchObject({ outcome: "settled" });
    expect(troubles.length).toBeGreaterThan(0);
    expect((await sql.query("SELECT 1 FROM verdicts WHERE job_id = $1", [job])).rowCount).toBe(1);
  });

  test("while Postgres is away it keeps trying until it is told to stop", async () => {
    const away: string[] = [];
    const stop = new AbortController();
    const nowhere = createSettler("postgres://probe:x@127.0.0.1:1/none", (message) => {
      away.push(message);
      if (away.length === 2) stop.abort();
    });
    expect(await nowhere.settle(settlement({ chunk: randomUUID(), ticket: randomUUID() }, {}), stop.signal)).toBeNull();
    expect(away).toHaveLength(2);
    await nowhere.close();
  });
});
