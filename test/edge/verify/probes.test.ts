import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type FleetMember, joinFleet } from "../../../probe/link/fleet.ts";
import { createSettler, type Settler } from "../../../probe/settle/settle.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import { type Behaviour, fakeChecker, verdictFor } from "../../probe/link/fakes.ts";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;
let settler: Settler;
let member: FleetMember;
let asked: string[] = [];
/** What the probe finds; set by each test. */
let behaviour: Behaviour;

const found = (email: string, more: Partial<Verdict> = {}): Verdict => ({ ...verdictFor(email), ...more });

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
      me: { probe: "p1", build: "test", region: "eu", sources: [], slots: 8, window: 2_000, capabilities: [] },
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
  behaviour = (item) => ({ kind: "final", verdict: found(item.email) });
});

type Answer = Record<string, unknown> & { id: string };

async function verify(body: object, key = tenant.live): Promise<{ status: number; headers: Headers; body: Answer }> {
  const response = await edge.post("/v1/verify", key, body);
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
}

async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
  }
}

const usageOf = async (id: string) =>
  (await edge.sql.query("SELECT endpoint, billable, smtp_checks FROM usage_records WHERE ref = $1", [id])).rows;

test("an address that only its host can judge is asked, answered, billed and cached for its tenant", async () => {
  const first = await verify({ email: "ann@asked-corp.net" });
  expect(first.body).toMatchObject({ status: "deliverable", reason: "accepted", cached: false });
  const again = await until(
    () => verify({ email: "Ann@asked-corp.NET" }),
    ({ body }) => body.cached === true,
  );
  expect(again.body).toMatchObject({ reason: "accepted", email: "Ann@asked-corp.NET" });
  expect(again.body.id).not.toBe(first.body.id);
  const before = asked.length;
  await verify({ email: "ann@asked-corp.net", fresh: true });
  expect(asked.length).toBe(before + 1);
  const other = await edge.tenant();
  expect((await verify({ email: "ann@asked-corp.net" }, other.live)).body.cached).toBe(false);
  expect(
    await until(
      () => usageOf(first.body.id),
      (rows) => rows.length > 0,
    ),
  ).toEqual([{ endpoint: "verify", billable: 1, smtp_checks: 1 }]);
  expect(
    await until(
      () => usageOf(again.body.id),
      (rows) => rows.length > 0,
    ),
  ).toEqual([{ endpoint: "verify", billable: 0, smtp_checks: 0 }]);
});

test("a transcript is asked for afresh, told to its caller, and kept nowhere", async () => {
  const said = ["# mx.asked-corp.net", "> RCPT TO:<[address]>", "< 250 Ok"];
  behaviour = (item, _signal, { transcript }) => {
    const verdict = found(item.email);
    return {
      kind: "final",
      verdict: { ...verdict, evidence: { ...verdict.evidence, transcript: transcript ? said : null } },
    };
  };
  const email = "tia@asked-corp.net";
  await verify({ email });
  const told = await verify({ email, transcript: true });
  expect(asked).toHaveLength(2);
  expect(told.body).toMatchObject({ cached: false, evidence: { transcript: said } });
  const again = await until(
    () => verify({ email }),
    ({ body }) => body.cached === true,
  );
  expect(again.body).toMatchObject({ evidence: { transcript: null } });
  const kept = await until(
    async () => (await edge.sql.query("SELECT detail FROM verdicts WHERE job_id = $1", [told.body.id])).rows,
    (rows) => rows.length > 0,
  );
  expect(JSON.stringify(kept)).not.toContain("RCPT TO");
});

test("what a domain's DNS said about one address decides the next one, also for another tenant", async () => {
  behaviour = (item) => ({
    kind: "final",
    verdict: found(item.email, { status: "undeliverable", reason: "null_mx", reasons: ["null_mx"] }),
  });
  await verify({ email: "a@null-corp.net" });
  const other = await edge.tenant();
  const next = await until(
    async () => {
      asked = [];
      return verify({ email: `b${Math.random()}@null-corp.net` }, other.live);
    },
    () => asked.length === 0,
  );
  expect(next.body).toMatchObject({ status: "undeliverable", reason: "null_mx" });
});

test("our own trouble is neither cached nor billed", async () => {
  behaviour = (item) => ({
    kind: "final",
    verdict: found(item.email, { status: "unknown", reason: "probe_blocklisted", reasons: ["probe_blocklisted"] }),
  });
  const first = await verify({ email: "c@trouble-corp.net" });
  await verify({ email: "c@trouble-corp.net" });
  expect(asked).toHaveLength(2);
  expect(
    await until(
      () => usageOf(first.body.id),
      (rows) => rows.length > 0,
    ),
  ).toMatchObject([{ billable: 0 }]);
});

test("past the caller's timeout the call answers 202, and the check ends under its id, billed once, with an event", async () => {
  const release = Promise.withResolvers<void>();
  behaviour = async (item) => {
    await release.promise;
    return { kind: "final", verdict: found(item.email) };
  };
  const late = await verify({ email: "slow@asked-corp.net", timeout_ms: 150 });
  expect(late.status).toBe(202);
  expect(late.body).toMatchObject({ state: "pending", status_url: `/v1/verifications/${late.body.id}` });
  expect(late.headers.get("location")).toBe(late.body.status_url);
  expect(late.headers.get("retry-after")).toBe("2");
  const open = await edge.fetch(`/v1/verifications/${late.body.id}`, { key: tenant.live });
  expect(open.status).toBe(202);
  const other = await edge.tenant();
  expect((await edge.fetch(`/v1/verifications/${late.body.id}`, { key: other.live })).status).toBe(404);
  release.resolve();
  const done = await until(
    () => edge.fetch(`/v1/verifications/${late.body.id}`, { key: tenant.live }),
    (response) => response.status === 200,
  );
  expect(await done.json()).toMatchObject({ id: late.body.id, reason: "accepted" });
  expect(await usageOf(late.body.id)).toEqual([{ endpoint: "verify", billable: 1, smtp_checks: 1 }]);
  const { rows } = await edge.sql.query("SELECT type FROM events WHERE payload ->> 'id' = $1", [late.body.id]);
  expect(rows).toEqual([{ type: "verification.completed" }]);
});

/**
 * The job's stream to its end, with the minute's sweep at its side: when the last two chunks settle in the same moment,
 * neither sees the other's end, and it is the sweep that ends the job.
 */
async function followed(id: string, key: string): Promise<string> {
  let over = false;
  const stream = edge.fetch(`/v1/jobs/${id}/events`, { key }).then((response) => response.text());
  const ended = stream.finally(() => {
    over = true;
  });
  while (!over) {
    await edge.cron();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500))]);
  }
  return ended;
}

test("a list goes through the hub and the probe and comes back whole, each row once", async () => {
  const emails = Array.from({ length: 300 }, (_, i) =>
    i % 3 === 0 ? `broken ${i}` : i % 10 === 1 ? "same@list-corp.net" : `u${i}@list${i % 5}-corp.net`,
  );
  const made = await edge.post("/v1/jobs", tenant.live, { emails });
  const { id } = (await made.json()) as { id: string };
  expect(await followed(id, tenant.live)).toContain("event: done");
  const text = await (await edge.fetch(`/v1/jobs/${id}/results?format=ndjson`, { key: tenant.live })).text();
  const rows = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
  expect(rows.map((row) => row.email)).toEqual(emails);
  expect(rows.map((row) => row.reason)).toEqual(emails.map((_, i) => (i % 3 === 0 ? "syntax_invalid" : "accepted")));
  expect(new Set(asked).size).toBe(asked.length);
  const { rows: raised } = await edge.sql.query("SELECT type FROM events WHERE payload ->> 'id' = $1", [id]);
  expect(raised).toEqual([{ type: "job.completed" }]);
});

test("an allow rule sends a disposable domain's addresses to the probe, in a check and in a list", async () => {
  const own = await edge.tenant("enterprise");
  const refused = await verify({ email: "a@mailinator.com" }, own.live);
  expect(refused.body.reason).toBe("disposable");
  const rule = await edge.post("/v1/rules", own.live, { kind: "allow", match: "domain", value: "mailinator.com" });
  const { id: ruleId } = (await rule.json()) as Answer;
  expect((await verify({ email: "a@mailinator.com" }, own.live)).body.reason).toBe("accepted");
  const rules: (string | undefined)[] = [];
  behaviour = (item) => {
    rules.push(item.allow_rule);
    return { kind: "final", verdict: found(item.email) };
  };
  const made = await edge.post("/v1/jobs", own.live, { emails: ["b@mailinator.com", "c@plain-corp.net"] });
  const { id } = (await made.json()) as Answer;
  expect(await followed(id, own.live)).toContain("event: done");
  expect(rules.sort()).toEqual([ruleId, undefined]);
});

test("a probe with a token that is not ours is refused at the door", async () => {
  const response = await edge.fetch("/v1/probes/connect?region=eu", { headers: { authorization: "Bearer pt_x_yyyy" } });
  expect([401, 426]).toContain(response.status);
});
