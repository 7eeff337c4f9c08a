import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestTenant } from "../../support/edge.ts";
import { addresses, Work } from "./work.ts";

let work: Work;
beforeAll(async () => {
  work = await Work.start();
});
afterAll(() => work.close());

const gone = { status: "undeliverable", reason: "mailbox_not_found", score: 0 };
const lines = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

describe("two runs of a list", () => {
  test("are compared per address, as counts and as a file", async () => {
    const own = await work.edge.tenant("pro");
    const before = await work.run(["a@corp-mail.net", "b@corp-mail.net", "c@corp-mail.net", "nonsense"], own);
    const after = await work.run(
      ["B@corp-mail.net", "a@corp-mail.net", "d@corp-mail.net", "nonsense", "b@corp-mail.net"],
      own,
      (email) => (email.startsWith("B") ? gone : {}),
      { fresh: true },
    );
    const summary = (await (await work.get(`/v1/jobs/${after}/compare?with=${before}`, own)).json()) as object;
    expect(summary).toMatchObject({
      before,
      after,
      same: 2,
      changed: 1,
      added: 1,
      removed: 1,
      transitions: expect.arrayContaining([{ before: "deliverable", after: "undeliverable", addresses: 1 }]),
    });
    const file = await (await work.get(`/v1/jobs/${after}/compare?with=${before}&format=ndjson`, own)).text();
    expect(lines(file).map((row) => [row.change, row.email, row.before_status, row.after_status])).toEqual([
      ["changed", "B@corp-mail.net", "deliverable", "undeliverable"],
      ["added", "d@corp-mail.net", null, "deliverable"],
      ["removed", "c@corp-mail.net", "deliverable", null],
    ]);
    const all = await (await work.get(`/v1/jobs/${after}/compare?with=${before}&format=csv&rows=all`, own)).text();
    expect(all.trimEnd().split("\r\n")).toHaveLength(1 + 5);
  });

  test("of different tenants are not", async () => {
    const other = await work.edge.tenant("pro");
    const mine = await work.run(["nonsense"]);
    const theirs = await work.run(["nonsense"], other);
    expect((await work.get(`/v1/jobs/${mine}/compare?with=${theirs}`)).status).toBe(404);
    expect((await work.get(`/v1/jobs/${theirs}/compare?with=${mine}`)).status).toBe(404);
  });
});

test("a domain's trend has a point for each list that ended, of this tenant alone", async () => {
  const [own, other] = [await work.edge.tenant("pro"), await work.edge.tenant("pro")];
  const first = await work.run([...addresses(3), "x@else.net"], own);
  const second = await work.run(addresses(4), own, (email) => (email.startsWith("user0") ? gone : {}), { fresh: true });
  await work.run(addresses(2), other);
  const trend = (await (await work.get("/v1/domains/CORP-mail.net/trend", own)).json()) as {
    points: { job_id: string }[];
  };
  expect(trend).toMatchObject({ domain: "corp-mail.net", total: 7, deliverable: 6, undeliverable: 1 });
  expect(trend.points.map((point) => point.job_id)).toEqual([first, second]);
});

describe("one address", () => {
  test("is looked up in any case over jobs and checks, by its tenant alone", async () => {
    const [own, other] = [await work.edge.tenant("pro"), await work.edge.tenant("pro")];
    const job = await work.run(["nonsense", "Ann@corp-mail.net"], own);
    const check = await work.edge.post("/v1/verify", own.live, { email: "ann@corp-mail.net", mode: "edge" });
    const { id } = (await check.json()) as { id: string };
    while ((await work.ask("SELECT 1 FROM verdicts WHERE job_id = $1", [id])).length === 0);
    const found = (await (await work.get("/v1/addresses?email=ANN%40corp-mail.net", own)).json()) as {
      verdicts: Record<string, unknown>[];
    };
    expect(found.verdicts.map((one) => [one.id, one.row, one.status])).toEqual([
      [id, 0, "unknown"],
      [job, 2, "deliverable"],
    ]);
    expect(await (await work.get("/v1/addresses?email=ann%40corp-mail.net", other)).json()).toMatchObject({
      verdicts: [],
    });
  });

  const erase = async (email: string, who = work.tenant): Promise<Record<string, unknown>> =>
    (await (
      await work.edge.fetch(`/v1/addresses?email=${encodeURIComponent(email)}`, { method: "DELETE", key: who.live })
    ).json()) as Record<string, unknown>;

  /** Every place of the database in which a tenant's text may stand. */
  const mentions = (who: string, text: string) =>
    work.ask(
      `SELECT 'verdicts' AS place FROM verdicts v WHERE tenant_id = $1 AND v::text ILIKE $2
       UNION ALL SELECT 'job_items' FROM job_items i WHERE tenant_id = $1 AND i::text ILIKE $2
       UNION ALL SELECT 'chunks' FROM chunks c WHERE tenant_id = $1 AND c::text ILIKE $2
       UNION ALL SELECT 'events' FROM events e WHERE tenant_id = $1 AND e::text ILIKE $2
       UNION ALL SELECT 'audit' FROM audit_log a WHERE tenant_id = $1 AND a::text ILIKE $2`,
      [who, `%${text}%`],
    );

  test("is erased from ended jobs: counts stay, the row and the upload go, the audit log proves it", async () => {
    const [own, other] = [await work.edge.tenant("pro"), await work.edge.tenant("pro")];
    const emails = ["secret@corp-mail.net", "keep@corp-mail.net", "SECRET@corp-mail.net"];
    const job = await work.run(emails, own);
    const theirs = await work.run(emails, other);
    const { summary } = await work.read(job, own);
    expect(await erase("Secret@corp-mail.net", own)).toMatchObject({
      erased: { verdicts: 2, rows: 2, lists: 1 },
      reading: 0,
    });
    expect(await mentions(own.id, "secret")).toEqual([]);
    expect((await work.read(job, own)).summary).toEqual(summary);
    expect((await work.rows(job, own)).map((row) => row.email)).toEqual(["keep@corp-mail.net"]);
    const { objects } = await (await work.edge.env()).FILES.list({ prefix: `lists/${own.id}` });
    expect(objects).toEqual([]);
    expect(await work.ledger(job)).toContainEqual({ kind: "settle", amount: 2 });
    const audit = await work.ask(
      "SELECT action, target FROM audit_log WHERE tenant_id = $1 AND action = 'address.erased'",
      [own.id],
    );
    expect(audit).toEqual([{ action: "address.erased", target: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) }]);
    // The other tenant's own is not touched, and what is erased answers no list.
    expect(await work.rows(theirs, other)).toHaveLength(3);
    const again = await work.create(["secret@corp-mail.net"], own);
    await work.until(again, "running", own);
    await work.command(again, "cancel", own);
    expect(await erase("never@corp-mail.net", own)).toMatchObject({ erased: { verdicts: 0, rows: 0 } });
  });

  test("is erased from a running job: its row ends unasked and unbilled, the others are asked, once", async () => {
    const own = await work.edge.tenant("pro");
    const id = await work.create(["secret@corp-mail.net", ...addresses(4), "SECRET@corp-mail.net"], own);
    await work.until(id, "running", own);
    const [out] = await work.refill();
    if (out === undefined) throw new Error("no chunk");
    expect(await erase("secret@corp-mail.net", own)).toMatchObject({ erased: { rows: 2 } });
    expect(await work.settle(out)).toBe("stale");
    expect(await mentions(own.id, "secret")).toEqual([]);
    const [again] = await work.refill();
    expect(again?.items).toHaveLength(4);
    if (again === undefined) throw new Error("no chunk");
    expect(await work.settle(again)).toBe("settled");
    await work.edge.cron();
    expect((await work.until(id, "completed", own)).summary).toMatchObject({ total: 6, billed: 4, duplicates: 1 });
    expect(await work.rows(id, own)).toHaveLength(4);
    expect(await mentions(own.id, "secret")).toEqual([]);
  });
});

describe("verifying again", () => {
  const again = async (id: string, body: object, who: TestTenant, headers: Record<string, string> = {}) => {
    const response = await work.edge.fetch(`/v1/jobs/${id}/reverify`, {
      method: "POST",
      key: who.live,
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as { id: string; rows: number; type: string } };
  };

  async function finish(id: string, who: TestTenant): Promise<void> {
    await work.until(id, "running", who);
    for (const chunk of await work.refill()) await work.settle(chunk);
    await work.edge.cron();
    await work.until(id, "completed", who);
  }

  test("takes the unknown rows, with their own columns, into a new job that is billed for itself", async () => {
    const own = await work.edge.tenant("pro");
    const form = new FormData();
    const csv = "name;email\nAnn;ann@corp-mail.net\nBob;bob@corp-mail.net\nCy;nonsense\nDee;dee@corp-mail.net\n";
    form.append("file", new Blob([csv]), "list.csv");
    form.append("name", "May");
    form.append("tags", "spring, b2b");
    const made = await work.edge.fetch("/v1/jobs", { method: "POST", key: own.live, body: form });
    const { id } = (await made.json()) as { id: string };
    await work.until(id, "running", own);
    expect(await again(id, {}, own)).toMatchObject({ status: 409, body: { type: "/problems/wrong_state" } });
    const unknown = { status: "unknown", reason: "timeout", score: 40 };
    for (const chunk of await work.refill())
      await work.settle(chunk, (email) => (email.startsWith("ann") ? {} : unknown));
    await work.edge.cron();
    await work.until(id, "completed", own);
    const run = await again(id, { which: "unknown" }, own);
    expect(run).toMatchObject({ status: 202, body: { parent_id: id, rows: 2 } });
    await finish(run.body.id, own);
    const job = await work.read(run.body.id, own);
    expect(job).toMatchObject({
      parent_id: id,
      name: "May",
      tags: ["spring", "b2b"],
      summary: { total: 2, billed: 2 },
    });
    expect((await work.rows(run.body.id, own)).map((row) => [row.name, row.email, row.status])).toEqual([
      ["Bob", "bob@corp-mail.net", "deliverable"],
      ["Dee", "dee@corp-mail.net", "deliverable"],
    ]);
    expect(await (await work.get(`/v1/jobs/${run.body.id}/compare?with=${id}`, own)).json()).toMatchObject({
      changed: 2,
      removed: 2,
    });
  });

  test("takes all rows, or selected ones, and asks whatever is cached", async () => {
    const own = await work.edge.tenant("pro");
    const id = await work.run(["nonsense", ...addresses(3)], own);
    const all = await again(id, { which: "all" }, own);
    expect(all.body.rows).toBe(4);
    await finish(all.body.id, own);
    expect((await work.read(all.body.id, own)).summary).toMatchObject({ total: 4, asked: 3, cached: 0 });
    const some = await again(all.body.id, { which: "selected", items: [2, 4, 99] }, own);
    await finish(some.body.id, own);
    expect((await work.rows(some.body.id, own)).map((row) => row.email)).toEqual([
      "user0@corp-mail.net",
      "user2@corp-mail.net",
    ]);
    expect(await again(id, { which: "selected", items: [99] }, own)).toMatchObject({
      status: 422,
      body: { type: "/problems/empty_list" },
    });
    expect((await again(id, {}, work.tenant)).status).toBe(404);
  });

  test("is done once per Idempotency-Key, and whatever dies on the way begins anew", async () => {
    const own = await work.edge.tenant("pro");
    const id = await work.run(addresses(2), own);
    const key = { "idempotency-key": "again-1" };
    const first = await again(id, { which: "all" }, own, key);
    expect((await again(id, { which: "all" }, own, key)).body).toEqual(first.body);
    await work.until(first.body.id, "running", own);
    // As if the isolate had died while it put the list together, and the message was lost.
    await work.ask("DELETE FROM chunks WHERE job_id = $1", [first.body.id]);
    await work.ask("DELETE FROM job_items WHERE job_id = $1", [first.body.id]);
    await work.ask(
      `UPDATE jobs SET state = 'ingesting', ingested = false, staged_rows = 0, source_key = '', checkpoint = '{}',
              options = options || '{"dialect": null}', created_at = now() - interval '2 minutes' WHERE id = $1`,
      [first.body.id],
    );
    await work.edge.cron();
    await finish(first.body.id, own);
    expect((await work.read(first.body.id, own)).summary).toMatchObject({ total: 2, billed: 2 });
    expect(await work.ledger(first.body.id)).toHaveLength(3);
  });
});

describe("results", () => {
  test("are deleted by what was found, of ended jobs only; counts stay and a comparison leaves them out", async () => {
    const own = await work.edge.tenant("pro");
    const id = await work.run([...addresses(3), "nonsense"], own, (email) => (email.startsWith("user1") ? gone : {}));
    const running = await work.create(["x@else.net"], own);
    await work.until(running, "running", own);
    const remove = async (body: object) => {
      const response = await work.edge.post("/v1/results/delete", own.live, body);
      return { status: response.status, body: await response.json() };
    };
    expect(await remove({ job: running })).toMatchObject({ status: 404 });
    await work.command(running, "cancel", own);
    expect(await remove({ job: id, status: ["undeliverable"], before: "2000-01-01T00:00:00Z" })).toMatchObject({
      body: { deleted: 0 },
    });
    expect(await remove({ job: id, status: ["undeliverable"], reason: ["mailbox_not_found"] })).toMatchObject({
      body: { deleted: 1 },
    });
    expect((await work.rows(id, own)).map((row) => row.email)).toEqual([
      "user0@corp-mail.net",
      "user2@corp-mail.net",
      "nonsense",
    ]);
    expect(await work.read(id, own)).toMatchObject({ counts: { total: 4, done: 4 }, summary: { total: 4 } });
    expect(await (await work.get(`/v1/jobs/${id}/compare?with=${id}`, own)).json()).toMatchObject({
      same: 3,
      changed: 0,
    });
    expect((await work.edge.post("/v1/results/delete", work.tenant.live, { job: id })).status).toBe(404);
  });

  test("of several jobs come in one file, by tag and status", async () => {
    const own = await work.edge.tenant("pro");
    const first = await work.run(["nonsense", ...addresses(2)], own, undefined, { tags: ["spring"] });
    await work.run(["worse"], own);
    const second = await work.run(["bad", "x@mailinator.com"], own, undefined, { tags: ["spring", "b2b"] });
    const response = await work.edge.post("/v1/results/export", own.live, {
      tag: "spring",
      status: ["undeliverable"],
      format: "ndjson",
    });
    expect(lines(await response.text()).map((row) => [row.job_id, row.email])).toEqual([
      [second, "bad"],
      [first, "nonsense"],
    ]);
    const none = await work.edge.post("/v1/results/export", work.tenant.live, { jobs: [first], format: "ndjson" });
    expect(await none.text()).toBe("");
  });
});
