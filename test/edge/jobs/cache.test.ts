import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addresses, Work } from "./work.ts";

let work: Work;
beforeAll(async () => {
  work = await Work.start();
});
afterAll(() => work.close());

const gone = () => ({ status: "undeliverable", reason: "mailbox_not_found", score: 0 });
const catchAll = () => ({ status: "risky", reason: "catch_all", score: 60 });
const busy = () => ({ status: "unknown", reason: "timeout", score: 40 });

/** Makes a tenant's verdicts of a job look older. */
const age = (job: string, hours: number) =>
  work.ask("UPDATE verdicts SET checked_at = checked_at - $2 * interval '1 hour' WHERE job_id = $1", [job, hours]);

test("a list is answered from the tenant's own verdicts, at no cost, and says so", async () => {
  const own = await work.edge.tenant("pro");
  await work.run([...addresses(3), "gone@corp-mail.net"], own, (email) => (email.startsWith("gone") ? gone() : {}));
  const again = await work.create(
    ["USER1@corp-mail.net", "gone@corp-mail.net", "new@corp-mail.net", "user1@corp-mail.net"],
    own,
  );
  const running = await work.until(again, "running", own);
  expect(running.counts).toMatchObject({ total: 4, done: 2, open: 1, duplicates: 1 });
  const [chunk, ...others] = await work.refill();
  expect([chunk?.items.map(({ email }) => email), others]).toEqual([["new@corp-mail.net"], []]);
  if (chunk === undefined) throw new Error("no chunk");
  await work.settle(chunk);
  await work.edge.cron();
  const job = await work.until(again, "completed", own);
  expect(job.summary).toMatchObject({ total: 4, cached: 2, asked: 1, billed: 1, duplicates: 1 });
  expect(await work.ledger(again)).toContainEqual({ kind: "settle", amount: 1 });
  expect((await work.rows(again, own)).map(({ email, status, cached }) => [email, status, cached])).toEqual([
    ["USER1@corp-mail.net", "deliverable", true],
    ["gone@corp-mail.net", "undeliverable", true],
    ["new@corp-mail.net", "deliverable", false],
    ["user1@corp-mail.net", "deliverable", true],
  ]);
  const stats = (await (await work.get("/v1/cache", own)).json()) as object;
  expect(stats).toMatchObject({ days: 7, hits: 2, asked: 5, hit_rate: 0.286 });
});

test("a list that is wholly known ends without a probe", async () => {
  const own = await work.edge.tenant("pro");
  await work.run(addresses(2), own);
  const again = await work.create(addresses(2), own);
  expect((await work.until(again, "completed", own)).summary).toMatchObject({ cached: 2, billed: 0 });
});

test.each<[string, number, () => object, boolean]>([
  ["a mailbox that accepts, after six days", 6 * 24, () => ({}), true],
  ["a mailbox that accepts, after eight days", 8 * 24, () => ({}), false],
  ["a domain that accepts all, after 23 hours", 23, catchAll, true],
  ["a domain that accepts all, after 25 hours", 25, catchAll, false],
  ["trouble", 0, busy, false],
  ["a role address", 0, () => ({ detail: { rating: "good", flags: { role: true } } }), false],
])("%s", async (_, hours, judge, known) => {
  const own = await work.edge.tenant("pro");
  const email = "someone@corp-mail.net";
  await age(await work.run([email], own, judge), hours);
  const again = await work.create([email], own);
  await work.until(again, known ? "completed" : "running", own);
  if (!known) await work.command(again, "cancel", own);
});

test("fresh passes the cache by, and so do other modes", async () => {
  const own = await work.edge.tenant("pro");
  await work.run(addresses(1), own);
  for (const more of [{ fresh: true }, { mode: "dns" }]) {
    const again = await work.create(addresses(1), own, more);
    await work.until(again, "running", own);
    await work.command(again, "cancel", own);
  }
});

test("one tenant's verdicts answer nobody else's list", async () => {
  const [mine, other] = [await work.edge.tenant("pro"), await work.edge.tenant("pro")];
  await work.run(addresses(1), mine);
  await work.run(addresses(1, "else.net"), other);
  const theirs = await work.create(addresses(1), other);
  expect((await work.until(theirs, "running", other)).counts).toMatchObject({ done: 0, open: 1 });
  await work.command(theirs, "cancel", other);
});

describe("what was dropped answers no list", () => {
  test.each([
    ["email=USER0%40corp-mail.net", 1],
    ["domain=Corp-Mail.net", 2],
    ["all=true", 3],
  ])("%s", async (query, open) => {
    const own = await work.edge.tenant("pro");
    const emails = [...addresses(2), "user0@else.net"];
    await work.run(emails, own);
    const dropped = await work.edge.fetch(`/v1/cache?${query}`, { method: "DELETE", key: own.live });
    expect(dropped.status).toBe(204);
    const again = await work.create(emails, own);
    expect((await work.until(again, "running", own)).counts).toMatchObject({ total: 3, open });
    await work.command(again, "cancel", own);
  });

  test("only one thing can be named", async () => {
    for (const query of ["", "?email=a%40b.co&all=true", "?domain=not%20a%20domain"]) {
      const response = await work.edge.fetch(`/v1/cache${query}`, { method: "DELETE", key: work.tenant.live });
      expect(response.status).toBe(422);
    }
  });
});

test("the tenant's setting decides how long answers hold, and 0 turns the cache off", async () => {
  const own = await work.edge.tenant("pro");
  const set = async (days: number) => {
    const init = { method: "PATCH", key: own.live, headers: { "content-type": "application/json" } };
    const response = await work.edge.fetch("/v1/cache", { ...init, body: JSON.stringify({ days }) });
    return (await response.json()) as object;
  };
  const first = await work.run(addresses(1), own);
  await age(first, 48);
  expect(await set(0)).toMatchObject({ days: 0 });
  const off = await work.create(addresses(1), own);
  await work.until(off, "running", own);
  await work.command(off, "cancel", own);
  expect(await set(1)).toMatchObject({ days: 1 });
  const short = await work.create(addresses(1), own);
  await work.until(short, "running", own);
  await work.command(short, "cancel", own);
  expect(await set(14)).toMatchObject({ days: 14 });
  await age(first, 8 * 24);
  const long = await work.create(addresses(1), own);
  expect((await work.until(long, "completed", own)).summary).toMatchObject({ cached: 1 });
  expect((await work.edge.fetch("/v1/cache", { key: own.live })).status).toBe(200);
});
