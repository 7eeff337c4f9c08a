import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ProbeConfig, readProbeConfig } from "../../../probe/config.ts";
import { askForQuarantine } from "../../../probe/doctor/report-listed.ts";
import { joinEdge } from "../../../probe/enroll/join.ts";
import { startEdge, type TestEdge } from "../../support/edge.ts";
import { connectProbe, onlineProbe } from "./probe.ts";

let edge: TestEdge;
let platform: string;
let tenantKey: string;

beforeAll(async () => {
  edge = await startEdge();
  const tenant = await edge.tenant();
  tenantKey = await edge.key(tenant.id, { scopes: ["*"] });
  platform = await edge.key(tenant.id, { scopes: ["platform"] });
});
afterAll(() => edge.close());

async function bodyOf<T = Record<string, unknown>>(response: Response, status: number): Promise<T> {
  const text = await response.text();
  expect(response.status, text).toBe(status);
  return JSON.parse(text);
}

type Token = { id: string; token: string; region: string; expires_at: string };
type Listed = { id: string; state: string; [field: string]: unknown };

const offer = async (): Promise<Token> =>
  bodyOf(await edge.post("/v1/admin/probe-tokens", platform, { region: "eu", name: "one" }), 201);

/** A member of the fleet: its id and credential. */
async function enrolled(): Promise<{ id: string; credential: string }> {
  const { id, token } = await offer();
  const joined = await joinEdge(edge.url, token);
  if (!joined.ok) throw new Error(joined.error);
  return { id, credential: joined.value.token };
}

const order = (id: string, verb: string, body: object = {}): Promise<Response> =>
  edge.post(`/v1/admin/probes/${id}/${verb}`, platform, body);

async function listed(id: string): Promise<Listed> {
  const { data } = await bodyOf<{ data: Listed[] }>(await edge.fetch("/v1/admin/probes", { key: platform }), 200);
  const found = data.find((probe) => probe.id === id);
  if (found === undefined) throw new Error(`${id} is not listed`);
  return found;
}

const self = (credential: string): Promise<Response> => edge.fetch("/v1/probes/self", { key: credential });

describe("joining", () => {
  test("a join token becomes a credential of which the database knows the hash alone", async () => {
    const { id, token, expires_at } = await offer();
    const left = Date.parse(expires_at) - Date.now();
    expect(left).toBeGreaterThan(23 * 3_600_000);
    const joined = await joinEdge(edge.url, token);
    expect(joined).toMatchObject({ ok: true, value: { probe: id, region: "eu" } });
    const credential = joined.ok ? joined.value.token : "";
    expect(credential).toMatch(new RegExp(`^pt_${id}_`));
    expect(await bodyOf(await self(credential), 200)).toMatchObject({ id, region: "eu", quarantined: false });
    const { rows } = await edge.sql.query(
      "SELECT row_to_json(j)::text AS t FROM probe_joins j UNION ALL SELECT row_to_json(c)::text FROM probe_credentials c",
    );
    const stored = rows.map(({ t }) => t).join("\n");
    expect(stored).toContain(createHash("sha256").update(credential).digest("hex"));
    expect(stored).not.toContain(credential.split("_").at(-1));
    expect(stored).not.toContain(token.split("_").at(-1));
  });

  test("of many who bring one token at once, exactly one joins", async () => {
    const { token } = await offer();
    const answers = await Promise.all(Array.from({ length: 8 }, () => joinEdge(edge.url, token)));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    for (const answer of answers) if (!answer.ok) expect(answer.error).toMatch(/used already/);
  });

  test("the same credential may be brought again: the first answer may have been lost", async () => {
    const { token } = await offer();
    const bring = (hash: string) => edge.post("/v1/probes/enroll", token, { credential_sha256: hash.repeat(64) });
    await bodyOf(await bring("a"), 201);
    await bodyOf(await bring("a"), 201);
    expect(await bodyOf(await bring("b"), 401)).toMatchObject({ type: "/problems/join_refused" });
  });

  test("an expired, an unknown and a malformed token are refused, each in its own words", async () => {
    const { id, token } = await offer();
    await edge.sql.query("UPDATE probe_joins SET expires_at = now() - interval '1 second' WHERE id = $1", [id]);
    expect(await joinEdge(edge.url, token)).toMatchObject({ ok: false, error: expect.stringMatching(/expired/) });
    const forged = `${token.slice(0, -4)}AAAA`;
    expect(await joinEdge(edge.url, forged)).toMatchObject({ ok: false, error: expect.stringMatching(/not known/) });
    const body = { credential_sha256: "a".repeat(64) };
    await bodyOf(await edge.post("/v1/probes/enroll", "pt_x_y", body), 401);
    await bodyOf(await edge.post("/v1/probes/enroll", undefined, body), 401);
    await bodyOf(await edge.post("/v1/probes/enroll", token, { credential_sha256: "A".repeat(64) }), 422);
  });

  test("a place is offered only in a region that has a hub", async () => {
    const problem = await bodyOf(await edge.post("/v1/admin/probe-tokens", platform, { region: "mars" }), 422);
    expect(problem).toMatchObject({ errors: [{ pointer: "/region" }] });
  });
});

describe("who may command the fleet", () => {
  test("a tenant's key may not, whatever else it may: platform is never implied", async () => {
    const { id } = await enrolled();
    const everything = await edge.key((await edge.tenant()).id, { scopes: [] });
    for (const key of [tenantKey, everything]) {
      for (const path of ["probes", "hubs", "circuit-breakers"]) {
        await bodyOf(await edge.fetch(`/v1/admin/${path}`, { key }), 403);
      }
      await bodyOf(await edge.post("/v1/admin/probe-tokens", key, { region: "eu" }), 403);
      for (const verb of ["drain", "quarantine", "release", "rotate", "revoke"]) {
        await bodyOf(await edge.post(`/v1/admin/probes/${id}/${verb}`, key, { reason: "x" }), 403);
      }
    }
    await bodyOf(await edge.fetch("/v1/admin/probes"), 401);
    await bodyOf(await edge.fetch("/v1/rules", { key: tenantKey }), 200);
  });

  test("a platform key is no tenant key", async () => {
    await bodyOf(await edge.fetch("/v1/rules", { key: platform }), 403);
  });

  test("deeds are in the operator's audit log", async () => {
    const { id } = await enrolled();
    await bodyOf(await order(id, "quarantine", { reason: "listed" }), 200);
    const { rows } = await edge.sql.query("SELECT action, detail FROM audit_log WHERE target = $1 ORDER BY id", [id]);
    expect(rows).toMatchObject([
      { action: "probe.offer" },
      { action: "probe.quarantine", detail: { reason: "listed" } },
    ]);
  });

  test("orders about nobody are not found, nonsense is refused", async () => {
    await bodyOf(await order("probe-none", "revoke"), 404);
    await bodyOf(await order("probe-none", "rotate"), 404);
    await bodyOf(await order("probe-none", "drain", { reason: "x" }), 404);
    await bodyOf(await order("probe-none", "quarantine", { reason: "x" }), 404);
    await bodyOf(await order("a_b", "revoke"), 404);
    const { id } = await enrolled();
    await bodyOf(await order(id, "quarantine", {}), 422);
    await bodyOf(await order(id, "quarantine", { reason: "x", source: "not an address" }), 422);
    await bodyOf(await order(id, "release"), 404);
  });
});

describe("views", () => {
  test("a probe is listed with what it says of itself, and as offline when it has left", async () => {
    const { id, credential } = await enrolled();
    expect(await listed(id)).toMatchObject({ state: "offline", name: "one" });
    const probe = await onlineProbe(edge.url, credential);
    const breakers = [
      { operator: "google", source: "192.0.2.1", state: "open", untilMs: 1_800_000_000_000 },
      { operator: "yahoo", source: "192.0.2.1", state: "closed", untilMs: 0 },
    ];
    const doctor = {
      at: 1_790_000_000_000,
      state: "fail",
      trouble: [{ id: "spf", state: "fail", found: "no record" }],
    };
    const report = { checked: 12, deferred: 3, running: 0, breakers, doctor };
    probe.say({ t: "beat", sent: 1, held: 0, running: 0, report });
    await probe.heard("beat");
    expect(await listed(id)).toMatchObject({
      state: "online",
      region: "eu",
      version: "test",
      hubs: ["hub:eu:0"],
      sources: ["192.0.2.1"],
      capacity: { addresses: 100, real_time: 2 },
      in_flight: { addresses: 0, chunks: 0, real_time: 0 },
      counters: { checked: 12, deferred: 3 },
      blocks: [{ operator: "google", state: "open", until: "2027-01-15T08:00:00.000Z" }],
      doctor: { state: "fail", trouble: [{ id: "spf" }] },
    });
    const { data } = await bodyOf<{ data: object[] }>(
      await edge.fetch("/v1/admin/circuit-breakers", { key: platform }),
      200,
    );
    expect(data).toContainEqual(expect.objectContaining({ probe: id, operator: "google", region: "eu" }));
    expect(data).not.toContainEqual(expect.objectContaining({ operator: "yahoo" }));
    const hubs = await bodyOf(await edge.fetch("/v1/admin/hubs", { key: platform }), 200);
    expect(hubs).toMatchObject({ data: [{ hub: "hub:eu:0", leases: 0, lanes: { normal: { chunks: 0 } } }] });
    await probe.leave();
    await expect.poll(async () => (await listed(id)).state).toBe("offline");
  });

  test("a report of another shape does not hide the probe", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential);
    probe.say({ t: "beat", sent: 1, held: 0, running: 0, report: { checked: "many", breakers: 7 } });
    await probe.heard("beat");
    expect(await listed(id)).toMatchObject({ state: "online", counters: {}, blocks: [], doctor: null });
    await probe.leave();
  });

  test("the list can be narrowed by region and state", async () => {
    const { id } = await enrolled();
    const ids = async (query: string): Promise<string[]> => {
      const response = await edge.fetch(`/v1/admin/probes?${query}`, { key: platform });
      return (await bodyOf<{ data: Listed[] }>(response, 200)).data.map((probe) => probe.id);
    };
    expect(await ids("region=eu&state=offline")).toContain(id);
    expect(await ids("region=us")).toEqual([]);
    expect(await ids("state=revoked")).not.toContain(id);
  });
});

describe("service", () => {
  test("a drain reaches the connected probe", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential);
    expect(await bodyOf(await order(id, "drain", { reason: "kernel update" }), 202)).toMatchObject({ told: 1 });
    expect(await probe.heard("drain")).toMatchObject({ why: "kernel update" });
    expect((await listed(id)).state).toBe("draining");
    await probe.leave();
  });

  test("a probe in quarantine drains, is not let in, and is let in again when released", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential);
    await bodyOf(await order(id, "quarantine", { reason: "listed at a block list" }), 200);
    expect(await probe.heard("drain")).toMatchObject({ why: expect.stringContaining("listed at a block list") });
    await probe.leave();
    await expect(connectProbe(edge.url, credential)).rejects.toThrow("403");
    expect(await listed(id)).toMatchObject({ state: "quarantined", quarantines: [{ source: "" }] });
    await bodyOf(await order(id, "release"), 200);
    await (await onlineProbe(edge.url, credential)).leave();
  });

  test("an instance of a probe is reached by its probe's id", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential, { probe: `${id}.second` });
    expect(await bodyOf(await order(id, "drain", { reason: "x" }), 202)).toMatchObject({ told: 1 });
    await probe.heard("drain");
    await probe.leave();
  });

  test("a source address in quarantine is told at once, at each welcome, and to probes that understand it", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential);
    const source = "192.0.2.1";
    expect(await bodyOf(await order(id, "quarantine", { reason: "listed", source }), 200)).toMatchObject({ told: 1 });
    expect(await probe.heard("quarantine")).toMatchObject({ sources: [source] });
    await probe.leave();
    const again = await onlineProbe(edge.url, credential);
    expect(await again.heard("quarantine")).toMatchObject({ sources: [source] });
    await bodyOf(await order(id, "release", { source }), 200);
    expect(await again.heard("quarantine")).toMatchObject({ sources: [] });
    await again.leave();
    const old = await onlineProbe(edge.url, credential, { capabilities: [] });
    expect(await bodyOf(await order(id, "quarantine", { reason: "listed", source }), 200)).toMatchObject({ told: 0 });
    await old.leave();
  });
});

describe("a probe that finds itself on a block list", () => {
  const configOf = (credential: string): ProbeConfig => {
    const config = readProbeConfig({ PROBE_HELO_NAME: "a.example.net", EDGE_URL: edge.url, PROBE_TOKEN: credential });
    if (!config.ok) throw new Error(config.error);
    return config.value;
  };

  test("takes an address of its own out of service, until an operator releases it", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential);
    expect(await askForQuarantine(configOf(credential), "192.0.2.1", "on list.test")).toMatchObject({ ok: true });
    expect(await probe.heard("quarantine")).toMatchObject({ sources: ["192.0.2.1"] });
    expect(await listed(id)).toMatchObject({
      state: "online",
      quarantines: [{ source: "192.0.2.1", reason: "by itself: on list.test" }],
    });
    const self = await edge.post("/v1/probes/self/release", credential, { source: "192.0.2.1" });
    expect(self.status).toBe(404);
    await bodyOf(await order(id, "release", { source: "192.0.2.1" }), 200);
    expect(await probe.heard("quarantine")).toMatchObject({ sources: [] });
    await probe.leave();
  });

  test("leaves as a whole when it has no address to name", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential);
    expect(await askForQuarantine(configOf(credential), "", "x".repeat(300))).toMatchObject({ ok: true });
    expect(String((await probe.heard("drain")).why).length).toBeLessThanOrEqual(200);
    await probe.leave();
    expect((await listed(id)).state).toBe("quarantined");
  });

  test("needs its credential", async () => {
    expect(await askForQuarantine(configOf("pt_probe-1_forged-forged-forged-forged"), "", "x")).toMatchObject({
      ok: false,
    });
  });
});

describe("credentials", () => {
  test("a revoked probe is put out at once, let in no more, and cannot be offered another credential", async () => {
    const { id, credential } = await enrolled();
    const probe = await onlineProbe(edge.url, credential);
    expect(await bodyOf(await order(id, "revoke"), 200)).toMatchObject({ expelled: 1 });
    expect(await probe.closed).toBe(4401);
    await expect(connectProbe(edge.url, credential)).rejects.toThrow("401");
    await bodyOf(await self(credential), 401);
    await bodyOf(await order(id, "rotate"), 404);
    expect((await listed(id)).state).toBe("revoked");
  });

  test("an offer that nobody has taken can be revoked", async () => {
    const { id, token } = await offer();
    await bodyOf(await order(id, "revoke"), 200);
    expect(await joinEdge(edge.url, token)).toMatchObject({ ok: false });
  });

  test("rotation: the old credential works until the new one is made, then never again", async () => {
    const { id, credential } = await enrolled();
    const { token } = await bodyOf<Token>(await order(id, "rotate"), 201);
    await bodyOf(await self(credential), 200);
    const joined = await joinEdge(edge.url, token);
    expect(joined).toMatchObject({ ok: true, value: { probe: id } });
    await bodyOf(await self(credential), 401);
    await bodyOf(await self(joined.ok ? joined.value.token : ""), 200);
  });
});
