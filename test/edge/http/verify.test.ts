import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REASON_TABLE, REASONS } from "../../../shared/verdict/vocabulary.ts";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant("enterprise");
});
afterAll(() => edge.close());

type Json = Record<string, unknown>;

async function verify(body: unknown, key: string | undefined = tenant.live): Promise<{ status: number; body: Json }> {
  const response = await edge.post("/v1/verify", key, body);
  return { status: response.status, body: (await response.json()) as Json };
}

async function raw(init: RequestInit): Promise<{ response: Response; body: Json }> {
  const response = await edge.fetch("/v1/verify", { method: "POST", key: tenant.live, ...init });
  return { response, body: (await response.json()) as Json };
}

const JSON_TYPE = { "content-type": "application/json" };

describe("decided at the edge", () => {
  test.each([
    ["not an address", "undeliverable", "syntax_invalid"],
    ["a@b\r\nRCPT TO:<x@y>", "undeliverable", "syntax_invalid"],
    ["a\0b@corp-mail.net", "undeliverable", "syntax_invalid"],
    [`${"a".repeat(10_000)}@corp-mail.net`, "undeliverable", "syntax_invalid"],
    ["joe@site.test", "undeliverable", "domain_not_found"],
    ["joe@[127.0.0.1]", "undeliverable", "unroutable_ip"],
    ["joe@mailinator.com", "risky", "disposable"],
  ])("%j is %s: %s", async (email, status, reason) => {
    const answer = await verify({ email });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status, reason, cached: false });
    expect(answer.body.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test("mode edge answers not_checked for what only a mail host could tell", async () => {
    expect((await verify({ email: "someone@corp-mail.net", mode: "edge" })).body).toMatchObject({
      status: "unknown",
      reason: "not_checked",
    });
  });

  test("without a probe anywhere the answer is our own trouble, and no harm is said of the address", async () => {
    expect((await verify({ email: "someone@corp-mail.net" })).body).toMatchObject({
      status: "unknown",
      reason: "no_probe_available",
    });
  });

  test("an answer can be read again under its id by its tenant, and by nobody else", async () => {
    const { body } = await verify({ email: "again@site.test" });
    const path = `/v1/verifications/${body.id}`;
    await recorded(String(body.id));
    const own = await edge.fetch(path, { key: tenant.live });
    expect(own.status).toBe(200);
    expect(await own.json()).toEqual(body);
    const other = await edge.tenant();
    expect((await edge.fetch(path, { key: other.live })).status).toBe(404);
    expect((await edge.fetch("/v1/verifications/nonsense", { key: tenant.live })).status).toBe(404);
  });

  test("an answer is billed once and audited", async () => {
    const { body } = await verify({ email: "billed@site.test" });
    await recorded(String(body.id));
    const { rows } = await edge.sql.query(
      `SELECT u.billable, u.emails, l.amount, a.action FROM usage_records u
         JOIN credit_ledger l ON l.ref = u.ref JOIN audit_log a ON a.id = u.ref WHERE u.ref = $1`,
      [body.id],
    );
    expect(rows).toEqual([{ billable: 1, emails: 1, amount: "1", action: "verify" }]);
  });
});

/** Waits until the results queue has delivered a check to the database: asked for over the API, as a user would. */
async function recorded(id: string): Promise<void> {
  for (;;) {
    const { rows } = await edge.sql.query("SELECT 1 FROM usage_records WHERE ref = $1", [id]);
    if (rows.length > 0) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("the sandbox", () => {
  test.each([...REASONS])("a test key answers %s", async (reason) => {
    const answer = await verify({ email: `${reason.replaceAll("_", "-")}@sandbox.test` }, tenant.test);
    expect(answer).toMatchObject({ status: 200, body: { reason, status: REASON_TABLE[reason].status } });
  });

  test("a test key takes no other address and says what to use", async () => {
    const answer = await verify({ email: "someone@corp-mail.net" }, tenant.test);
    expect(answer).toMatchObject({ status: 422, body: { type: "/problems/sandbox_only" } });
  });

  test("sandbox answers are neither stored nor billed", async () => {
    const { body } = await verify({ email: "accepted@sandbox.test" }, tenant.test);
    const marker = await verify({ email: "marker@site.test" });
    await recorded(String(marker.body.id));
    const { rows } = await edge.sql.query("SELECT 1 FROM verdicts WHERE job_id = $1", [body.id]);
    expect(rows).toEqual([]);
  });
});

describe("bad input", () => {
  test.each([
    ["{", 400, "malformed_json"],
    ["", 400, "malformed_json"],
    ["[]", 422, "invalid_request"],
    ["null", 422, "invalid_request"],
    ['{"email":1}', 422, "invalid_request"],
    ['{"email":"a@b.co","mode":"fast"}', 422, "invalid_request"],
    ['{"email":"a@b.co","timeout_ms":1000000}', 422, "invalid_request"],
  ])("%s is %d %s", async (body, status, slug) => {
    const { response, body: problem } = await raw({ headers: JSON_TYPE, body });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(problem).toMatchObject({ type: `/problems/${slug}`, status });
  });

  test("each wrong field is named by its pointer", async () => {
    const { body } = await raw({ headers: JSON_TYPE, body: '{"email":1,"mode":"fast"}' });
    const errors = body.errors as { pointer: string }[];
    expect(errors.map((error) => error.pointer).sort()).toEqual(["/email", "/mode"]);
  });

  test("another content type is 415", async () => {
    const { response } = await raw({ headers: { "content-type": "text/plain" }, body: "a@b.co" });
    expect(response.status).toBe(415);
  });

  test.each([
    ["announced", 200_000_000, { "content-length": "200000000" }],
    ["unannounced", 20_000_000, {}],
  ])("an %s body of %d bytes is refused with a problem", async (_, bytes, length) => {
    const { response, body } = await raw({
      headers: { ...JSON_TYPE, ...length },
      body: zeros(bytes),
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(body).toMatchObject({ type: "/problems/body_too_large", max_bytes: 1_000_000 });
  });

  test("a large body without a key is answered like a small one", async () => {
    const init = { method: "POST", headers: JSON_TYPE, body: zeros(20_000_000), duplex: "half" } as RequestInit;
    expect((await edge.fetch("/v1/verify", init)).status).toBe(401);
  });

  test("an unknown path is 404, a wrong method 405 with Allow, each with a trace id", async () => {
    const unknown = await edge.fetch("/v1/nothing");
    expect(unknown.status).toBe(404);
    expect((await unknown.json()) as Json).toMatchObject({ trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    const method = await edge.fetch("/v1/verify");
    expect(method.status).toBe(405);
    expect(method.headers.get("allow")).toBe("POST");
  });
});

function zeros(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      const size = Math.min(left, 1_000_000);
      left -= size;
      if (size === 0) controller.close();
      else controller.enqueue(new Uint8Array(size));
    },
  });
}

describe("around the answer", () => {
  test("a trace is continued, and started where there is none", async () => {
    const traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    const continued = await edge.fetch("/ready", { headers: { traceparent } });
    expect(continued.headers.get("traceparent")).toMatch(/^00-0123456789abcdef0123456789abcdef-(?!0123456789abcdef)/);
    const started = await edge.fetch("/ready", { headers: { traceparent: "00-zz" } });
    expect(started.headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test("rate headers count down the tightest window of the plan", async () => {
    const pro = await edge.tenant("pro");
    const remaining: number[] = [];
    for (let i = 0; i < 4; i++) {
      const response = await edge.post("/v1/verify", pro.live, { email: "x" });
      await response.arrayBuffer();
      expect(response.headers.get("ratelimit-policy")).toBe('"minute";q=60;w=60');
      remaining.push(Number(/r=(\d+)/.exec(response.headers.get("ratelimit") ?? "")?.[1]));
    }
    const steps = remaining.slice(1).map((value, i) => (remaining[i] ?? 0) - value);
    // A minute may end between two calls: then the count starts over.
    expect(steps.filter((step) => step === 1).length).toBeGreaterThanOrEqual(2);
  });

  test("counts survive the Meter's memory", async () => {
    const pro = await edge.tenant("pro");
    const call = async () => {
      const response = await edge.post("/v1/verify", pro.live, { email: "x" });
      await response.arrayBuffer();
      return Number(/r=(\d+)/.exec(response.headers.get("ratelimit") ?? "")?.[1]);
    };
    const before = await call();
    // A change ends the isolate's lease, so that the next call has to ask.
    await edge.post("/v1/rules", pro.live, { kind: "block", match: "domain", value: "x.net" });
    await edge.evictMeter(pro.id);
    const after = await call();
    // Unless a minute ended in between, when the count starts over.
    expect(after === before - 2 || after === 59).toBe(true);
    expect(before).toBeLessThan(60);
  });

  test("health names each part; logs carry no key and no address", async () => {
    const health = await edge.fetch("/health");
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      status: "ok",
      dependencies: { postgres: { status: "ok" }, kv: { status: "ok" }, r2: { status: "ok" }, hub: { status: "ok" } },
    });
    const logs = edge.logs().join("\n");
    expect(logs).toContain('"route":"/health"');
    expect(logs).not.toMatch(/ev_(live|test)_[0-9A-Za-z]{12}/);
    expect(logs).not.toContain("corp-mail.net");
  });

  test("the description is OpenAPI 3.1 and every operation has a summary and an id of its own", async () => {
    const document = (await (await edge.fetch("/openapi.json")).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId?: string; summary?: string }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.every((one) => one.summary)).toBe(true);
    expect(new Set(operations.map((one) => one.operationId)).size).toBe(operations.length);
  });

  test("the reference shows every operation without running a script", async () => {
    const html = await (await edge.fetch("/docs")).text();
    for (const path of ["/v1/verify", "/v1/jobs/{id}/results", "/v1/webhooks", "/v1/rules/test"]) {
      expect(html).toContain(path);
    }
    expect(html).toContain("curl -sS");
    expect(html).toContain("file=@list.csv");
    expect(html).not.toMatch(/src="https?:/);
  });

  test("the example of the reference works as it stands", async () => {
    const html = await (await edge.fetch("/docs")).text();
    const example = /id="verify"[\s\S]*?-d &#39;(.*?)&#39;/.exec(html)?.[1] ?? "";
    const answer = await verify(JSON.parse(example.replaceAll("&quot;", '"')), tenant.test);
    expect(answer).toMatchObject({ status: 200, body: { reason: "accepted" } });
  });

  test("a problem's type is a page", async () => {
    const page = await edge.fetch("/problems/expired_key");
    expect(page.status).toBe(200);
    expect(await page.text()).toContain("Expired API key");
    expect((await edge.fetch("/problems/none")).status).toBe(404);
  });
});
