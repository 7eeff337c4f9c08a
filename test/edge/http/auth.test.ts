import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant();
});
afterAll(() => edge.close());

type Problem = { type: string; status: number; trace_id: string; scope?: string };

async function verifyWith(headers: Record<string, string>): Promise<{ response: Response; problem: Problem }> {
  const response = await edge.fetch("/v1/verify", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: '{"email":"x"}',
  });
  return { response, problem: (await response.json()) as Problem };
}

async function refused(key: string, path = "/v1/verify"): Promise<[number, string]> {
  const response = await edge.post(path, key, { email: "x" });
  const problem = (await response.json()) as Problem;
  return [response.status, problem.type];
}

describe("a call is admitted", () => {
  test("with the key as bearer token or as X-API-Key", async () => {
    expect((await verifyWith({ authorization: `Bearer ${tenant.live}` })).response.status).toBe(200);
    expect((await verifyWith({ "x-api-key": tenant.live })).response.status).toBe(200);
  });

  test("from an address that the key's list covers", async () => {
    const key = await edge.key(tenant.id, { ipAllow: ["192.0.2.7", "127.0.0.0/8", "::1"] });
    expect((await refused(key))[0]).toBe(200);
  });

  test("with a scope that the key lists", async () => {
    const key = await edge.key(tenant.id, { scopes: ["verify"] });
    expect((await refused(key))[0]).toBe(200);
  });

  test("before the key's expiry", async () => {
    const key = await edge.key(tenant.id, { expiresAt: new Date(Date.now() + 3_600_000) });
    expect((await refused(key))[0]).toBe(200);
  });
});

describe("a call is refused", () => {
  test("without a key, with the way to send one", async () => {
    const { response, problem } = await verifyWith({});
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(problem.type).toBe("/problems/missing_key");
  });

  test("with a cut or changed key, without a look-up", async () => {
    const changed = tenant.live.slice(0, -8) + (tenant.live.at(-8) === "a" ? "b" : "a") + tenant.live.slice(-7);
    expect(await refused(tenant.live.slice(0, -1))).toEqual([401, "/problems/malformed_key"]);
    expect(await refused(changed)).toEqual([401, "/problems/malformed_key"]);
    expect(await refused("Bearer")).toEqual([401, "/problems/malformed_key"]);
    expect(edge.logs().join()).not.toContain("snapshot");
  });

  test("with a well-formed key that was never made, or whose secret is another", async () => {
    const { base62, formatKey } = await import("../../../shared/keys/key.ts");
    const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
    const never = formatKey("live", base62(random(24), 12), base62(random(64), 32));
    expect(await refused(never)).toEqual([401, "/problems/unknown_key"]);
    const id = tenant.live.split("_")[2] ?? "";
    expect(await refused(formatKey("live", id, base62(random(64), 32)))).toEqual([401, "/problems/unknown_key"]);
  });

  test("with a revoked, an expired, or a closed account's key", async () => {
    const hourAgo = new Date(Date.now() - 3_600_000);
    expect(await refused(await edge.key(tenant.id, { revokedAt: hourAgo }))).toEqual([401, "/problems/revoked_key"]);
    expect(await refused(await edge.key(tenant.id, { expiresAt: hourAgo }))).toEqual([401, "/problems/expired_key"]);
    const closed = await edge.tenant();
    await edge.sql.query("UPDATE tenants SET deleted_at = now() WHERE id = $1", [closed.id]);
    expect(await refused(closed.live)).toEqual([403, "/problems/account_closed"]);
  });

  test("without the scope, which is named", async () => {
    const key = await edge.key(tenant.id, { scopes: ["jobs"] });
    const { response, problem } = await verifyWith({ "x-api-key": key });
    expect(response.status).toBe(403);
    expect(problem).toMatchObject({ type: "/problems/insufficient_scope", scope: "verify" });
  });

  test("from an address that the key's list does not cover", async () => {
    const key = await edge.key(tenant.id, { ipAllow: ["192.0.2.0/24", "not an address"] });
    expect(await refused(key)).toEqual([403, "/problems/ip_not_allowed"]);
  });
});

describe("rules", () => {
  const rule = { kind: "block", match: "domain", value: "Corp-Mail.NET" };

  test("a rule is stored, applied at once, found by the tester, and removed", async () => {
    const own = await edge.tenant();
    const verify = async () =>
      (await (await edge.post("/v1/verify", own.live, { email: "a@x.corp-mail.net", mode: "edge" })).json()) as {
        reason: string;
      };
    expect((await verify()).reason).toBe("not_checked");
    const made = await edge.post("/v1/rules", own.live, rule);
    expect(made.status).toBe(201);
    const { id, value } = (await made.json()) as { id: string; value: string };
    expect(value).toBe("corp-mail.net");
    expect((await verify()).reason).toBe("blocked_by_rule");
    const tested = await edge.post("/v1/rules/test", own.live, { email: "a@x.corp-mail.net" });
    expect(await tested.json()).toMatchObject({ matched: { id, kind: "block" } });
    expect((await edge.post("/v1/rules", own.live, rule)).status).toBe(409);
    expect((await edge.fetch(`/v1/rules/${id}`, { method: "DELETE", key: own.live })).status).toBe(204);
    expect((await verify()).reason).toBe("not_checked");
  });

  test("a rule of one tenant neither applies to, nor shows to, nor yields to another", async () => {
    const [a, b] = [await edge.tenant(), await edge.tenant()];
    const { id } = (await (await edge.post("/v1/rules", a.live, rule)).json()) as { id: string };
    const listed = (await (await edge.fetch("/v1/rules", { key: b.live })).json()) as { data: unknown[] };
    expect(listed.data).toEqual([]);
    expect((await edge.fetch(`/v1/rules/${id}`, { method: "DELETE", key: b.live })).status).toBe(404);
    const answer = await edge.post("/v1/verify", b.live, { email: "a@corp-mail.net", mode: "edge" });
    expect(await answer.json()).toMatchObject({ reason: "not_checked" });
  });

  test.each([
    [{ kind: "block", match: "pattern", value: "(" }, "invalid_rule"],
    [{ kind: "block", match: "address", value: "nobody" }, "invalid_rule"],
    [{ kind: "maybe", match: "address", value: "a@corp-mail.net" }, "invalid_request"],
  ])("%j is refused: %s", async (body, slug) => {
    const response = await edge.post("/v1/rules", tenant.live, body);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ type: `/problems/${slug}` });
  });

  test("rules can be tried without storing them", async () => {
    const tried = await edge.post("/v1/rules/test", tenant.live, { email: "a@corp-mail.net", rules: [rule] });
    expect(await tried.json()).toMatchObject({ matched: { match: "domain" } });
  });
});

describe("webhooks", () => {
  test("an endpoint shows its secret once and stores it sealed", async () => {
    const own = await edge.tenant();
    const made = await edge.post("/v1/webhooks", own.live, { url: "https://hooks.corp-mail.net/in" });
    expect(made.status).toBe(201);
    const { id, secret } = (await made.json()) as { id: string; secret: string };
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{32,}=*$/);
    const listed = await (await edge.fetch("/v1/webhooks", { key: own.live })).text();
    expect(listed).toContain(id);
    expect(listed).not.toContain("whsec_");
    const { rows } = await edge.sql.query("SELECT secrets::text AS s FROM webhook_endpoints WHERE id = $1", [id]);
    expect(rows[0].s).not.toContain(secret.slice(6));
    const other = await edge.fetch("/v1/webhooks", { key: tenant.live });
    expect(await other.text()).not.toContain(id);
  });

  test.each(["ftp://corp-mail.net/", "https://user:pw@corp-mail.net/", "https://corp-mail.net:25/", "nonsense"])(
    "%s is no webhook URL",
    async (url) => {
      const response = await edge.post("/v1/webhooks", tenant.live, { url });
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ type: "/problems/invalid_webhook_url" });
    },
  );

  test("pages follow each other by cursor without gap or repetition", async () => {
    const own = await edge.tenant();
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      const response = await edge.post("/v1/webhooks", own.live, { url: `https://hooks.corp-mail.net/${i}` });
      made.unshift(((await response.json()) as { id: string }).id);
    }
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const path: string = `/v1/webhooks?limit=2${cursor && `&cursor=${cursor}`}`;
      const page = (await (await edge.fetch(path, { key: own.live })).json()) as {
        data: { id: string }[];
        next_cursor: string | null;
      };
      seen.push(...page.data.map((one) => one.id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(made);
    const bad = await edge.fetch("/v1/webhooks?cursor=xyz", { key: own.live });
    expect(bad.status).toBe(422);
  });
});
