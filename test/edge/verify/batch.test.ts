import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type FleetMember, joinFleet } from "../../../probe/link/fleet.ts";
import { createSettler, type Settler } from "../../../probe/settle/settle.ts";
import { type Behaviour, fakeChecker, verdictFor } from "../../probe/link/fakes.ts";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;
let settler: Settler;
let member: FleetMember;
let asked: string[] = [];
let behaviour: Behaviour;

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant("enterprise");
  const token = `pt_p1_${randomBytes(24).toString("base64url")}`;
  await edge.sql.query("INSERT INTO probe_credentials (id, region, name, secret_hash) VALUES ('p1', 'eu', 'p1', $1)", [
    createHash("sha256").update(token).digest(),
  ]);
  settler = createSettler(edge.database.roleUrl("probe"), () => {});
  const welcomed = Promise.withResolvers<string>();
  member = joinFleet(
    {
      edgeUrl: edge.url,
      token,
      shard: null,
      me: { probe: "p1", build: "test", region: "eu", sources: [], slots: 128, window: 2_000, capabilities: [] },
      onWelcome: welcomed.resolve,
      onLoss: () => {},
    },
    {
      checker: fakeChecker((item, signal, options) => {
        asked.push(item.email);
        return behaviour(item, signal, options);
      }),
      settler,
      now: Date.now,
      drainFinishMs: 50,
      log: () => {},
    },
  );
  await Promise.race([welcomed.promise, member.ended.then((end) => welcomed.reject(new Error(end.message)))]);
});
afterAll(async () => {
  member.drain("tests over");
  await member.ended;
  await settler.close();
  await edge.close();
});
beforeEach(() => {
  asked = [];
  behaviour = (item) => ({ kind: "final", verdict: verdictFor(item.email) });
});

type Item = Record<string, unknown> & { id: string };
type Batch = { results: Item[]; counts: Record<string, unknown>; type: string; errors: { pointer: string }[] };

async function batch(body: object, key = tenant.live): Promise<{ status: number; headers: Headers; body: Batch }> {
  const response = await edge.post("/v1/verify/batch", key, body);
  return { status: response.status, headers: response.headers, body: (await response.json()) as Batch };
}

const usageOf = async (ids: readonly string[]) =>
  (
    await edge.sql.query(
      "SELECT sum(emails)::int AS emails, sum(billable)::int AS billable FROM usage_records WHERE ref = ANY ($1)",
      [ids],
    )
  ).rows[0];

async function recorded(ids: readonly string[]): Promise<void> {
  while ((await usageOf(ids)).emails !== ids.length) await new Promise((resolve) => setImmediate(resolve));
}

test("a hundred addresses are answered in their order, each with an id and a verdict of its own", async () => {
  const emails = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? `nonsense ${i}` : `u${i}@batch-corp.net`));
  const { status, body } = await batch({ emails });
  expect(status).toBe(200);
  expect(body.results.map((one) => one.email)).toEqual(emails);
  expect(new Set(body.results.map((one) => one.id)).size).toBe(100);
  expect(body.counts).toMatchObject({ total: 100, pending: 0, by_status: { undeliverable: 10, deliverable: 90 } });
  expect(asked).toHaveLength(90);
  await recorded(body.results.map((one) => one.id));
  const again = await edge.fetch(`/v1/verifications/${body.results[1]?.id}`, { key: tenant.live });
  expect(await again.json()).toEqual(body.results[1]);
});

test("an address that comes twice is asked once and billed once", async () => {
  const { body } = await batch({ emails: ["twin@batch-corp.net", "TWIN@batch-corp.net", "nonsense", "nonsense"] });
  expect(asked).toEqual(["twin@batch-corp.net"]);
  expect(body.results.map((one) => [one.email, one.status])).toEqual([
    ["twin@batch-corp.net", "deliverable"],
    ["TWIN@batch-corp.net", "deliverable"],
    ["nonsense", "undeliverable"],
    ["nonsense", "undeliverable"],
  ]);
  expect(body.counts).toMatchObject({ duplicates: 2 });
  const ids = body.results.map((one) => one.id);
  await recorded(ids);
  expect(await usageOf(ids)).toEqual({ emails: 4, billable: 2 });
});

test("what is late comes as pending and can be read under its own address; the rest is answered", async () => {
  const held = Promise.withResolvers<void>();
  behaviour = async (item) => {
    if (item.email.startsWith("slow")) await held.promise;
    return { kind: "final", verdict: verdictFor(item.email) };
  };
  const emails = ["slow@batch-corp.net", "fast@batch-corp.net", "SLOW@batch-corp.net"];
  const { status, body } = await batch({ emails, timeout_ms: 700 });
  const [slow, fast, repeated] = body.results;
  expect(status).toBe(200);
  expect(fast).toMatchObject({ status: "deliverable" });
  expect(slow).toEqual({
    id: slow?.id,
    email: emails[0],
    state: "pending",
    status_url: `/v1/verifications/${slow?.id}`,
  });
  expect(repeated).toMatchObject({ id: slow?.id, state: "pending" });
  expect(body.counts).toMatchObject({ pending: 2 });
  held.resolve();
  for (;;) {
    const response = await edge.fetch(String(slow?.status_url), { key: tenant.live });
    if (response.status === 202) continue;
    expect(await response.json()).toMatchObject({ email: "slow@batch-corp.net", status: "deliverable" });
    break;
  }
  expect(asked.filter((email) => /slow/i.test(email))).toHaveLength(1);
});

test("each address counts as a call, in one grant", async () => {
  const own = await edge.tenant("pro");
  const left = (headers: Headers) => Number(/r=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1]);
  const first = await batch({ emails: Array.from({ length: 20 }, (_, i) => `nonsense ${i}`) }, own.live);
  // A minute that ends in between begins anew.
  expect([40, 41]).toContain(left(first.headers));
  const second = await edge.post("/v1/verify", own.live, { email: "x" });
  expect([39, 40, 59]).toContain(left(second.headers));
});

describe("the cache of calls", () => {
  test.each(["domain=batch-corp.net", "all=true", "email=kept%40batch-corp.net"])("forgets %s", async (query) => {
    const own = await edge.tenant("enterprise");
    await batch({ emails: ["kept@batch-corp.net"] }, own.live);
    const cached = await batch({ emails: ["kept@batch-corp.net"] }, own.live);
    expect(cached.body.results[0]).toMatchObject({ cached: true });
    expect(asked).toHaveLength(1);
    await edge.fetch(`/v1/cache?${query}`, { method: "DELETE", key: own.live });
    expect((await batch({ emails: ["kept@batch-corp.net"] }, own.live)).body.results[0]).toMatchObject({
      cached: false,
    });
    expect(asked).toHaveLength(2);
  });

  test("is off when the tenant wants it off, and counts its hits", async () => {
    const own = await edge.tenant("enterprise");
    const first = await batch({ emails: ["kept@batch-corp.net"] }, own.live);
    const second = await batch({ emails: ["kept@batch-corp.net"] }, own.live);
    await recorded([...first.body.results, ...second.body.results].map((one) => one.id));
    const init = { method: "PATCH", key: own.live, headers: { "content-type": "application/json" } };
    const set = await edge.fetch("/v1/cache", { ...init, body: '{"days":0}' });
    expect(await set.json()).toMatchObject({ days: 0, hits: 1, asked: 1, hit_rate: 0.5 });
    expect((await batch({ emails: ["kept@batch-corp.net"] }, own.live)).body.results[0]).toMatchObject({
      cached: false,
    });
  });
});

describe("refused", () => {
  test.each([
    [{ emails: [] }],
    [{ emails: Array.from({ length: 101 }, () => "a@b.co") }],
    [{ emails: "a@b.co" }],
    [{ emails: [1] }],
    [{}],
  ])("%j", async (body) => {
    expect(await batch(body)).toMatchObject({ status: 422, body: { type: "/problems/invalid_request" } });
  });

  test("under a test key, what is no sandbox address, each by its place", async () => {
    const good = await batch({ emails: ["accepted@sandbox.test", "catch-all@sandbox.test"] }, tenant.test);
    expect(good.body.results.map((one) => one.reason)).toEqual(["accepted", "catch_all"]);
    const bad = await batch({ emails: ["accepted@sandbox.test", "a@b.co"] }, tenant.test);
    expect(bad).toMatchObject({
      status: 422,
      body: { type: "/problems/sandbox_only", errors: [{ pointer: "/emails/1" }] },
    });
  });
});
