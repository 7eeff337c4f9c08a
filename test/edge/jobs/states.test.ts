import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { result, settle } from "../../support/arrange.ts";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;
let dispatcher: Client;
let probe: Client;

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant("enterprise");
  dispatcher = new Client({ connectionString: edge.database.roleUrl("dispatcher") });
  probe = new Client({ connectionString: edge.database.roleUrl("probe") });
  await Promise.all([dispatcher.connect(), probe.connect()]);
});
afterAll(async () => {
  await Promise.all([dispatcher.end(), probe.end()]);
  await edge.close();
});

type Job = {
  id: string;
  state: string;
  phase: string;
  counts: Record<string, number>;
  summary: Record<string, unknown> | null;
};
type Taken = { id: string; ticket: string; items: { n: number; email: string }[] };

let domains = 0;
/** Addresses that nobody knows yet: the cache would answer others. */
const addresses = (count: number): string[] => {
  const domain = `d${domains++}.corp-mail.net`;
  return Array.from({ length: count }, (_, i) => `user${i}@${domain}`);
};

async function create(emails: readonly string[], who = tenant): Promise<string> {
  const response = await edge.post("/v1/jobs", who.live, { emails });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

const read = async (id: string, who = tenant): Promise<Job> =>
  (await (await edge.fetch(`/v1/jobs/${id}`, { key: who.live })).json()) as Job;

async function until(id: string, state: string, who = tenant): Promise<Job> {
  for (;;) {
    const job = await read(id, who);
    if (job.state === state) return job;
    if (["completed", "cancelled", "failed"].includes(job.state)) throw new Error(`${job.state}, not ${state}`);
  }
}

async function command(
  id: string,
  verb: string,
  who = tenant,
): Promise<{ status: number; body: Job & { type: string } }> {
  const response = await edge.fetch(`/v1/jobs/${id}/${verb}`, { method: "POST", key: who.live });
  return { status: response.status, body: (await response.json()) as Job & { type: string } };
}

/** Takes due chunks as a hub does. */
async function refill(room = 100_000, perTenant = 1_000): Promise<Taken[]> {
  const { rows } = await dispatcher.query("SELECT id, ticket, items FROM refill('hub:eu:0', $1, $2)", [
    room,
    perTenant,
  ]);
  return rows;
}

const settleAll = async (chunk: Taken): Promise<string> =>
  (await settle(probe, chunk.id, chunk.ticket, { results: chunk.items.map(({ n }) => result(n)) })).outcome;

const ledger = async (id: string): Promise<unknown> =>
  (await edge.sql.query("SELECT kind, amount::int FROM credit_ledger WHERE ref = $1 ORDER BY kind", [id])).rows;

describe("slots", () => {
  test("more jobs than the plan works on at once wait, and start by themselves when one ends", async () => {
    const own = await edge.tenant("free");
    const first = await create(addresses(3), own);
    await until(first, "running", own);
    const second = await create(["nonsense"], own);
    const third = await create(addresses(2), own);
    expect((await until(second, "queued", own)).phase).toBe("waiting");
    const [chunk] = await refill();
    expect(await read(third, own)).toMatchObject({ state: "queued" });
    if (chunk === undefined) throw new Error("no chunk");
    expect(await settleAll(chunk)).toBe("settled");
    await (await edge.env()).WORK.send({ kind: "finalise", tenant: own.id, job: first });
    await until(first, "completed", own);
    // The second is decided at the edge alone: its slot goes on to the third.
    await until(second, "completed", own);
    await until(third, "running", own);
    expect((await command(third, "cancel", own)).status).toBe(200);
  });

  test("a waiting job whose wake-up was lost is started by the sweep", async () => {
    const own = await edge.tenant("free");
    const id = await create(["nonsense"], own);
    await until(id, "completed", own);
    const later = await create(["x"], own);
    await until(later, "completed", own);
    await edge.sql.query("DELETE FROM verdicts WHERE job_id = $1", [later]);
    await edge.sql.query("DELETE FROM job_items WHERE job_id = $1", [later]);
    await edge.sql.query("DELETE FROM job_domains WHERE job_id = $1", [later]);
    await edge.sql.query("DELETE FROM credit_ledger WHERE ref = $1 AND kind <> 'hold'", [later]);
    await edge.sql.query("DELETE FROM usage_records WHERE ref = $1", [later]);
    await edge.sql.query(
      "UPDATE jobs SET state = 'queued', ingested = false, staged_rows = 0, checkpoint = '{}', summary = NULL, finished_at = NULL WHERE id = $1",
      [later],
    );
    await edge.cron();
    await until(later, "completed", own);
  });
});

describe("pause", () => {
  test("holds what waits, lets what is out come home, and resume goes on from there", async () => {
    const id = await create(addresses(600));
    await until(id, "running");
    const [out] = await refill(1, 1);
    if (out === undefined) throw new Error("no chunk");
    const paused = await command(id, "pause");
    expect(paused).toMatchObject({ status: 200, body: { state: "paused", phase: "paused" } });
    expect((await command(id, "pause")).status).toBe(200);
    expect(await refill()).toEqual([]);
    // One item is deferred: it waits as its job does.
    const [late, ...others] = out.items;
    const settled = await settle(probe, out.id, out.ticket, {
      results: others.map(({ n }) => result(n)),
      rest: [{ ...late, tries: 1 }],
      againAt: new Date().toISOString(),
    });
    expect(settled.outcome).toBe("rest");
    expect(await refill()).toEqual([]);
    expect(await read(id)).toMatchObject({ state: "paused", counts: { done: others.length } });

    expect(await command(id, "resume")).toMatchObject({ status: 200, body: { state: "running" } });
    const chunks = await refill();
    expect(chunks.flatMap((chunk) => chunk.items)).toHaveLength(600 - others.length);
    for (const chunk of chunks) expect(await settleAll(chunk)).toBe("settled");
    await edge.cron();
    const job = await until(id, "completed");
    expect(job.summary).toMatchObject({ total: 600, billed: 600, asked: 600 });
  });

  test("while a list is being read stops the reading; resumed, it has each row once", async () => {
    const id = await create(Array.from({ length: 40_000 }, (_, i) => `nonsense ${i}`));
    await until(id, "ingesting");
    const paused = await command(id, "pause");
    expect(paused).toMatchObject({ status: 200, body: { state: "paused" } });
    const { rows } = await edge.sql.query("SELECT ingested FROM jobs WHERE id = $1", [id]);
    expect(rows).toEqual([{ ingested: false }]);
    await command(id, "resume");
    expect((await until(id, "completed")).summary).toMatchObject({ total: 40_000, duplicates: 0, billed: 40_000 });
  });

  test("a paused job gives its slot away and waits for one when it is resumed", async () => {
    const own = await edge.tenant("free");
    const first = await create(addresses(2), own);
    await until(first, "running", own);
    const second = await create(addresses(2), own);
    await command(first, "pause", own);
    await until(second, "running", own);
    expect((await command(first, "resume", own)).body.state).toBe("queued");
    await command(second, "cancel", own);
    expect((await until(first, "running", own)).phase).toBe("checking");
    await command(first, "cancel", own);
  });

  test("is refused for a job that has ended, naming its state", async () => {
    const id = await create(["nonsense"]);
    await until(id, "completed");
    for (const verb of ["pause", "resume", "cancel"]) {
      expect(await command(id, verb)).toMatchObject({
        status: 409,
        body: { type: "/problems/wrong_state", state: "completed" },
      });
    }
  });
});

describe("cancel", () => {
  test("bills exactly the verified half and releases the hold for the rest", async () => {
    const emails = addresses(400);
    const id = await create([...emails, String(emails[0]).toUpperCase(), String(emails[399])]);
    await until(id, "running");
    const chunks = await refill();
    expect(chunks).toHaveLength(2);
    const [half, open] = chunks;
    if (half === undefined || open === undefined) throw new Error("no chunks");
    expect(await settleAll(half)).toBe("settled");
    expect(await command(id, "cancel")).toMatchObject({ status: 200, body: { state: "cancelled", phase: "ended" } });
    expect((await read(id)).summary).toMatchObject({
      total: 402,
      billed: 200,
      duplicates: 2,
      by_status: { deliverable: 201, unknown: 201 },
      by_reason: { not_checked: 201 },
    });
    expect(await ledger(id)).toEqual([
      { kind: "hold", amount: 402 },
      { kind: "release", amount: 402 },
      { kind: "settle", amount: 200 },
    ]);
    // What the probe still had in hand comes too late and changes nothing.
    expect(await settleAll(open)).toBe("stale");
    expect((await command(id, "cancel")).status).toBe(200);
    await edge.cron();
    expect(await ledger(id)).toHaveLength(3);
    const { rows } = await edge.sql.query("SELECT count(*)::int AS n FROM verdicts WHERE job_id = $1", [id]);
    expect(rows).toEqual([{ n: 402 }]);
    const lines = (await (await edge.fetch(`/v1/jobs/${id}/results?format=ndjson`, { key: tenant.live })).text())
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(402);
  });

  test("while a list is being read bills what the edge has decided of it until then", async () => {
    const id = await create(Array.from({ length: 40_000 }, (_, i) => `nonsense ${i % 30_000}`));
    await until(id, "ingesting");
    const { status, body } = await command(id, "cancel");
    expect([status, body.state]).toEqual([200, "cancelled"]);
    const { rows } = await edge.sql.query(
      "SELECT count(*)::int AS rows, count(DISTINCT dedupe)::int AS kinds FROM job_items WHERE job_id = $1",
      [id],
    );
    expect(body.summary).toMatchObject({ total: rows[0].rows, billed: rows[0].kinds });
    expect(await ledger(id)).toContainEqual({ kind: "settle", amount: rows[0].kinds });
    // Whatever the reader still had in hand comes too late.
    const marker = await create(["x"]);
    await until(marker, "completed");
    const after = await edge.sql.query("SELECT count(*)::int AS rows FROM job_items WHERE job_id = $1", [id]);
    expect(after.rows[0].rows).toBe(rows[0].rows);
  });

  test("ends a paused job, and one that waits for a slot", async () => {
    const own = await edge.tenant("free");
    const first = await create(addresses(2), own);
    await until(first, "running", own);
    const second = await create(addresses(2), own);
    expect(await command(second, "cancel", own)).toMatchObject({ status: 200, body: { state: "cancelled" } });
    expect(await ledger(second)).toEqual([
      { kind: "hold", amount: 2 },
      { kind: "release", amount: 2 },
      { kind: "settle", amount: 0 },
    ]);
    await command(first, "pause", own);
    expect(await command(first, "cancel", own)).toMatchObject({ body: { state: "cancelled", summary: { billed: 0 } } });
  });

  test("tells the tenant", async () => {
    const own = await edge.tenant();
    const id = await create(addresses(2), own);
    await until(id, "running", own);
    await command(id, "cancel", own);
    const { rows } = await edge.sql.query("SELECT type, payload ->> 'id' AS id FROM events WHERE tenant_id = $1", [
      own.id,
    ]);
    expect(rows).toEqual([{ type: "job.cancelled", id }]);
  });
});

describe("what dies between two steps", () => {
  /** Jobs that have all their verdicts and wait only to be ended. */
  async function settled(): Promise<string> {
    const id = await create(addresses(3));
    await until(id, "running");
    for (const chunk of await refill()) expect(await settleAll(chunk)).toBe("settled");
    return id;
  }

  test("while the end is being counted is counted by the sweep, once", async () => {
    const id = await settled();
    await edge.sql.query("UPDATE jobs SET state = 'finalising' WHERE id = $1", [id]);
    expect((await read(id)).phase).toBe("counting");
    expect((await command(id, "cancel")).status).toBe(409);
    await Promise.all([edge.cron(), edge.cron()]);
    expect((await until(id, "completed")).summary).toMatchObject({ total: 3, billed: 3 });
    expect(await ledger(id)).toHaveLength(3);
  });

  test("after a slot was given and before anybody was told goes on with the sweep", async () => {
    const reading = await create(addresses(2));
    await until(reading, "running");
    const planned = await settled();
    // As if the slot had just been given: one list unread, the other checked but for its end.
    for (const table of ["chunks", "job_items", "verdicts"]) {
      await edge.sql.query(`DELETE FROM ${table} WHERE job_id = $1`, [reading]);
    }
    await edge.sql.query(
      `UPDATE jobs SET state = 'ingesting', ingested = false, staged_rows = 0,
              checkpoint = jsonb_build_object('at', now() - interval '2 minutes') WHERE id = $1`,
      [reading],
    );
    await edge.cron();
    await until(planned, "completed");
    await until(reading, "running");
    await command(reading, "cancel");
  });
});

describe("delete", () => {
  test("cancels what still works, takes the job out of sight and its list out of storage", async () => {
    const id = await create(addresses(2));
    await until(id, "running");
    const gone = await edge.fetch(`/v1/jobs/${id}`, { method: "DELETE", key: tenant.live });
    expect(gone.status).toBe(204);
    expect((await edge.fetch(`/v1/jobs/${id}`, { key: tenant.live })).status).toBe(404);
    expect((await edge.fetch(`/v1/jobs/${id}/results`, { key: tenant.live })).status).toBe(404);
    const list = (await (await edge.fetch("/v1/jobs?limit=200", { key: tenant.live })).json()) as { data: Job[] };
    expect(list.data.map((job) => job.id)).not.toContain(id);
    const { objects } = await (await edge.env()).FILES.list({ prefix: `lists/${tenant.id}/${id}` });
    expect(objects).toEqual([]);
    expect((await edge.fetch(`/v1/jobs/${id}`, { method: "DELETE", key: tenant.live })).status).toBe(404);
  });
});

describe("two tenants", () => {
  test("no command of one reaches a job of the other", async () => {
    const other = await edge.tenant();
    const id = await create(addresses(2));
    await until(id, "running");
    for (const verb of ["pause", "resume", "cancel"]) expect((await command(id, verb, other)).status).toBe(404);
    expect((await edge.fetch(`/v1/jobs/${id}`, { method: "DELETE", key: other.live })).status).toBe(404);
    const patch = { method: "PATCH", key: other.live, body: "{}", headers: { "content-type": "application/json" } };
    expect((await edge.fetch(`/v1/jobs/${id}`, patch)).status).toBe(404);
    expect((await read(id)).state).toBe("running");
    await command(id, "cancel");
  });
});

describe("the history", () => {
  test("is filtered by state, tag, part of the name and time, page by page", async () => {
    const own = await edge.tenant();
    const ids: string[] = [];
    for (const name of ["May (north)", "May (south)", "June"]) {
      const response = await edge.post("/v1/jobs", own.live, { emails: ["x"], name });
      const { id } = (await response.json()) as { id: string };
      await until(id, "completed", own);
      ids.unshift(id);
    }
    const [june, south, north] = ids;
    const label = await edge.fetch(`/v1/jobs/${south}`, {
      method: "PATCH",
      key: own.live,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tags: ["spring", "spring", "b2b"] }),
    });
    expect(await label.json()).toMatchObject({ id: south, name: "May (south)", tags: ["spring", "b2b"] });
    const found = async (query: string): Promise<unknown> => {
      const response = await edge.fetch(`/v1/jobs?${query}`, { key: own.live });
      return ((await response.json()) as { data: Job[] }).data.map((job) => job.id);
    };
    expect(await found("name=may%20(")).toEqual([south, north]);
    expect(await found("tag=spring")).toEqual([south]);
    expect(await found("state=completed&limit=1")).toEqual([june]);
    expect(await found("state=running")).toEqual([]);
    const { rows } = await edge.sql.query("SELECT created_at FROM jobs WHERE id = $1", [south]);
    const at = encodeURIComponent(rows[0].created_at.toISOString());
    expect(await found(`created_to=${at}`)).toEqual([north]);
    expect(await found("created_from=2000-01-01T00:00:00Z")).toEqual(ids);
    expect((await edge.fetch("/v1/jobs?created_from=yesterday", { key: own.live })).status).toBe(422);
  });
});
