import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant("enterprise");
});
afterAll(() => edge.close());

type Answer = { status: number; replayed: boolean; location: string | null; body: Record<string, unknown> };

async function answered(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const body = (await response.json()) as Record<string, unknown>;
  return { status, replayed: headers.get("idempotency-replayed") === "true", location: headers.get("location"), body };
}

async function post(path: string, key: string, body: unknown, who = tenant): Promise<Answer> {
  const headers = { "content-type": "application/json", "idempotency-key": key };
  return answered(await edge.fetch(path, { method: "POST", key: who.live, headers, body: JSON.stringify(body) }));
}

async function upload(key: string, csv: string): Promise<Answer> {
  const form = new FormData();
  form.append("file", new Blob([csv]), "list.csv");
  form.append("mode", "edge");
  const headers = { "idempotency-key": key };
  return answered(await edge.fetch("/v1/jobs", { method: "POST", key: tenant.live, headers, body: form }));
}

const count = async (table: string, where: string): Promise<number> =>
  (await edge.sql.query(`SELECT count(*)::int AS n FROM ${table} WHERE ${where}`)).rows[0].n;

const BODIES: [path: string, body: object, other: object][] = [
  ["/v1/jobs", { emails: ["nonsense"], mode: "edge" }, { emails: ["other"], mode: "edge" }],
  ["/v1/verify", { email: "nonsense" }, { email: "other" }],
  ["/v1/verify/batch", { emails: ["nonsense", "a@mailinator.com"] }, { emails: ["nonsense"] }],
  ["/v1/webhooks", { url: "https://hooks.example.com/a" }, { url: "https://hooks.example.com/b" }],
];

describe.each(BODIES)("POST %s", (path, body, other) => {
  test("sent again under its key it gives the same answer and does nothing", async () => {
    const key = randomUUID();
    const first = await post(path, key, body);
    expect(first.status).toBeLessThan(300);
    expect(first.replayed).toBe(false);
    const second = await post(path, key, body);
    expect(second).toEqual({ ...first, replayed: true });
    const without = await post(path, randomUUID(), body);
    expect(without.body).not.toEqual(first.body);
  });

  test("another body under the same key is refused", async () => {
    const key = randomUUID();
    await post(path, key, body);
    expect(await post(path, key, other)).toMatchObject({
      status: 422,
      body: { type: "/problems/idempotency_mismatch" },
    });
  });

  test("two at once do it once", async () => {
    const key = randomUUID();
    const both = await Promise.all([post(path, key, body), post(path, key, body)]);
    const done = both.filter((answer) => answer.status < 300);
    expect(done.length).toBeGreaterThan(0);
    for (const answer of both) {
      if (answer.status < 300) expect(answer.body).toEqual(done[0]?.body);
      else expect(answer).toMatchObject({ status: 409, body: { type: "/problems/idempotency_in_progress" } });
    }
  });
});

test("a key of one tenant says nothing to another", async () => {
  const other = await edge.tenant();
  const key = randomUUID();
  const mine = await post("/v1/verify", key, { email: "nonsense" });
  const theirs = await post("/v1/verify", key, { email: "else" }, other);
  expect(theirs).toMatchObject({ status: 200, replayed: false, body: { email: "else" } });
  expect(theirs.body.id).not.toBe(mine.body.id);
});

test("a form counts by its parts, not by the boundary of its sending", async () => {
  const key = randomUUID();
  const first = await upload(key, "email\nnonsense\n");
  expect(first.status).toBe(202);
  expect(await upload(key, "email\nnonsense\n")).toEqual({ ...first, replayed: true });
  expect((await upload(key, "email\nother\n")).status).toBe(422);
});

test("a refused call gives its key back", async () => {
  const key = randomUUID();
  expect((await post("/v1/jobs", key, { emails: [] })).status).toBe(422);
  expect((await post("/v1/jobs", key, { emails: ["nonsense"], mode: "edge" })).status).toBe(202);
});

test.each(["", "with space", "ä".repeat(3), "x".repeat(256)])("the key %j is refused", async (key) => {
  const headers = new Headers({ "content-type": "application/json" });
  // fetch() would not send what is no Latin-1.
  headers.set("idempotency-key", key);
  const response = await edge.fetch("/v1/verify", {
    method: "POST",
    key: tenant.live,
    headers,
    body: '{"email":"nonsense"}',
  });
  expect(response.status).toBe(400);
});

describe("a call whose isolate died", () => {
  /** As if the isolate had died after its work and before its answer was kept, a minute ago. */
  const died = (key: string) =>
    edge.sql.query(
      "UPDATE idempotency_keys SET state = 'started', response = NULL, locked_until = now() - interval '1 second' WHERE key = $1",
      [key],
    );

  test("after it made a job finds that job", async () => {
    const key = randomUUID();
    const body = { emails: ["nonsense"], mode: "edge" };
    const first = await post("/v1/jobs", key, body);
    await died(key);
    expect(await post("/v1/jobs", key, body)).toEqual(first);
    expect(await count("jobs", `id = '${first.body.id}'`)).toBe(1);
    expect(await count("credit_ledger", `ref = '${first.body.id}' AND kind = 'hold'`)).toBe(1);
    expect(await post("/v1/jobs", key, body)).toEqual({ ...first, replayed: true });
  });

  test("after it checked an address bills it once", async () => {
    const key = randomUUID();
    const first = await post("/v1/verify", key, { email: "once@site.test" });
    await died(key);
    const again = await post("/v1/verify", key, { email: "once@site.test" });
    expect(again.body.id).toBe(first.body.id);
    const marker = await post("/v1/verify", randomUUID(), { email: "marker@site.test" });
    while ((await count("usage_records", `ref = '${marker.body.id}'`)) === 0);
    expect(await count("usage_records", `ref = '${first.body.id}'`)).toBe(1);
  });

  test("after it made a webhook gives the secret that counts, of the one webhook", async () => {
    const own = await edge.tenant();
    const key = randomUUID();
    const body = { url: "https://hooks.example.com/a" };
    const first = await post("/v1/webhooks", key, body, own);
    await died(key);
    const again = await post("/v1/webhooks", key, body, own);
    expect(again.body.id).toBe(first.body.id);
    expect(await count("webhook_endpoints", `tenant_id = '${own.id}'`)).toBe(1);
  });

  test("is busy until its time is over", async () => {
    const key = randomUUID();
    await post("/v1/verify", key, { email: "nonsense" });
    await edge.sql.query(
      "UPDATE idempotency_keys SET state = 'started', locked_until = now() + interval '1 minute' WHERE key = $1",
      [key],
    );
    expect((await post("/v1/verify", key, { email: "nonsense" })).status).toBe(409);
  });
});

test("answers are kept sealed, for a day", async () => {
  const key = randomUUID();
  const made = await post("/v1/webhooks", key, { url: "https://hooks.example.com/secret" });
  const { rows } = await edge.sql.query("SELECT response::text FROM idempotency_keys WHERE key = $1", [key]);
  expect(rows[0].response).not.toContain(String(made.body.secret).slice(8, 20));
  await edge.sql.query("UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = $1", [key]);
  expect((await post("/v1/webhooks", key, { url: "https://hooks.example.com/else" })).status).toBe(201);
  await edge.sql.query("UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = $1", [key]);
  await edge.cron();
  expect(await count("idempotency_keys", `key = '${key}'`)).toBe(0);
});
