import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;

beforeAll(async () => {
  // Nothing listens on port 1: every statement fails, as while Postgres is away.
  edge = await startEdge({ DATABASE_ENDPOINT: "http://127.0.0.1:1/sql" });
  tenant = await edge.tenant("enterprise");
  const id = tenant.live.split("_")[2] ?? "";
  const snapshot = {
    id,
    tenant_id: tenant.id,
    mode: "live",
    secret_hash: createHash("sha256").update(tenant.live).digest("hex"),
    scopes: [],
    ip_allow: [],
    expires_at: null,
    revoked_at: null,
    plan: "enterprise",
    options: {},
    tenant_deleted_at: null,
    rules: [{ id: "r1", kind: "block", match: "domain", value: "blocked-corp.net" }],
    loaded_at: Date.now(),
  };
  await (await edge.env()).KV.put(`key:${id}`, JSON.stringify(snapshot));
});
afterAll(() => edge.close());

test.each([
  ["nonsense", "syntax_invalid"],
  ["a@mailinator.com", "disposable"],
  ["a@blocked-corp.net", "blocked_by_rule"],
])("%s is decided: no statement is waited for", async (email, reason) => {
  const response = await edge.post("/v1/verify", tenant.live, { email });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ reason });
});

test("what needs the database says so and when to come back", async () => {
  for (const path of ["/v1/jobs", "/v1/rules", "/v1/verifications/01a1f7c7-4a40-7815-a03a-36489797487b"]) {
    const response = await edge.fetch(path, { key: tenant.live });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(await response.json()).toMatchObject({ type: "/problems/unavailable" });
  }
});

test("a key that no cache holds cannot be checked, which is not the caller's fault", async () => {
  const response = await edge.post("/v1/verify", tenant.test, { email: "accepted@sandbox.test" });
  expect(response.status).toBe(503);
});

test("the service says which part is down, and that it is not ready for everything", async () => {
  const health = await edge.fetch("/health");
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({
    status: "down",
    dependencies: { postgres: { status: "down" }, kv: { status: "ok" }, r2: { status: "ok" } },
  });
  expect((await edge.fetch("/ready")).status).toBe(503);
});
