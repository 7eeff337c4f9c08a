import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type FleetMember, joinFleet } from "../../../probe/link/fleet.ts";
import { createSettler, type Settler } from "../../../probe/settle/settle.ts";
import { type Behaviour, fakeChecker, verdictFor } from "../../probe/link/fakes.ts";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

const SHARDS = 2;
type Region = "us" | "eu";

let edge: TestEdge;
let tenant: TestTenant;
let settler: Settler;
const members = new Map<Region, FleetMember>();
// The runtime places its caller in Texas: "us" is the near region.
/** What each region's probe finds, and who was asked where. */
let finds: Record<Region, Behaviour>;
let asked: string[] = [];

beforeAll(async () => {
  edge = await startEdge({ REGIONS: "us,eu", HUB_SHARDS: String(SHARDS), MOVE_AFTER_MINUTES: "0" });
  tenant = await edge.tenant("enterprise");
  settler = createSettler(edge.database.roleUrl("probe"), () => {});
  await Promise.all([join("us"), join("eu")]);
});
afterAll(async () => {
  for (const member of members.values()) member.drain("tests over");
  await Promise.all([...members.values()].map((member) => member.ended));
  await settler.close();
  await edge.close();
});
beforeEach(() => {
  asked = [];
  finds = { us: accepted, eu: accepted };
});

const accepted: Behaviour = (item) => ({ kind: "final", verdict: verdictFor(item.email) });
const blocked: Behaviour = (item) => ({
  kind: "final",
  verdict: { ...verdictFor(item.email), status: "unknown", reason: "probe_blocklisted" },
  elsewhere: true,
});

/** Connects a probe of a region to all of its hubs. */
async function join(region: Region): Promise<void> {
  const token = `pt_${region}1_${randomBytes(24).toString("base64url")}`;
  const hash = createHash("sha256").update(token).digest();
  const insert = "INSERT INTO probe_credentials (id, region, name, secret_hash) VALUES ($1, $2, $1, $3)";
  await edge.sql.query(insert, [`${region}1`, region, hash]);
  const welcomed = Promise.withResolvers<void>();
  let hubs = 0;
  const member = joinFleet(
    {
      edgeUrl: edge.url,
      token,
      shard: null,
      me: { probe: `${region}1`, build: "test", region, sources: [], slots: 8, window: 2_000, capabilities: [] },
      onWelcome() {
        hubs += 1;
        if (hubs === SHARDS) welcomed.resolve();
      },
      onLoss: () => {},
      onQuarantine: () => {},
    },
    {
      checker: fakeChecker((item, signal, options) => {
        asked.push(`${region} ${item.email}`);
        return finds[region](item, signal, options);
      }),
      settler,
      now: Date.now,
      drainFinishMs: 50,
      log: () => {},
    },
  );
  members.set(region, member);
  await Promise.race([welcomed.promise, member.ended.then((end) => welcomed.reject(new Error(end.message)))]);
}

const verify = async (body: object) => {
  const response = await edge.post("/v1/verify", tenant.live, { fresh: true, ...body });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> & { id: string } };
};
const runJob = async (emails: string[]): Promise<string> => {
  const response = await edge.post("/v1/jobs", tenant.live, { emails });
  return ((await response.json()) as { id: string }).id;
};
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await edge.sql.query("SELECT pg_sleep(0.02)");
  }
}
const jobState = async (id: string): Promise<string> =>
  (await edge.sql.query("SELECT state FROM jobs WHERE id = $1", [id])).rows[0]?.state;
const verdictsOf = async (id: string) =>
  (await edge.sql.query("SELECT email, reason FROM verdicts WHERE job_id = $1 ORDER BY email", [id])).rows;

test("trouble about one network is looked at from another, once per domain and day, and billed once", async () => {
  finds.us = blocked;
  const first = await verify({ email: "ann@second-corp.net" });
  expect(first.body).toMatchObject({ status: "deliverable", reason: "accepted" });
  expect(asked).toEqual(["us ann@second-corp.net", "eu ann@second-corp.net"]);
  expect((await verify({ email: "bob@second-corp.net" })).body).toMatchObject({ reason: "probe_blocklisted" });
  expect(asked.slice(2)).toEqual(["us bob@second-corp.net"]);
  const billed = await until(
    () => edge.sql.query("SELECT billable FROM usage_records WHERE ref = $1", [first.body.id]),
    ({ rows }) => rows.length > 0,
  );
  expect(billed.rows).toEqual([{ billable: 1 }]);
});

test("in a list, what one network is refused is asked from the other, each address ending once", async () => {
  finds.us = (item, ...how) => (item.email.endsWith("@third-corp.net") ? blocked : accepted)(item, ...how);
  await edge.cron();
  const id = await runJob(["ann@third-corp.net", "bob@third-corp.net", "cat@fourth-corp.net"]);
  await until(
    async () => asked.length,
    (n) => n >= 3,
  );
  const state = async (): Promise<string> => {
    await edge.cron();
    return jobState(id);
  };
  await until(state, (now) => now === "completed");
  expect(asked.sort()).toEqual([
    "eu ann@third-corp.net",
    "eu bob@third-corp.net",
    "us ann@third-corp.net",
    "us bob@third-corp.net",
    "us cat@fourth-corp.net",
  ]);
  expect((await verdictsOf(id)).map((row) => row.reason)).toEqual(["accepted", "accepted", "accepted"]);
});

test("a check answered 202 has its second opinion too", async () => {
  const gate = Promise.withResolvers<void>();
  finds.us = async (item, ...how) => {
    await gate.promise;
    return blocked(item, ...how);
  };
  await edge.cron();
  const late = await verify({ email: "ann@fifth-corp.net", timeout_ms: 1_000 });
  expect(late.status).toBe(202);
  gate.resolve();
  const known = async () => {
    await edge.cron();
    return (await verdictsOf(late.body.id)).length > 0;
  };
  await until(known, Boolean);
  expect(await verdictsOf(late.body.id)).toEqual([{ email: "ann@fifth-corp.net", reason: "accepted" }]);
  expect(asked).toEqual(["us ann@fifth-corp.net", "eu ann@fifth-corp.net"]);
});

test("a region whose probes have left is passed over: single checks at once, lists when it has been empty for long", async () => {
  const member = members.get("us");
  members.delete("us");
  member?.drain("leaving");
  await member?.ended;
  expect((await verify({ email: "ann@sixth-corp.net" })).body).toMatchObject({ reason: "accepted" });
  expect(asked.splice(0)).toEqual(["eu ann@sixth-corp.net"]);
  const emails = Array.from({ length: 30 }, (_, i) => `u${i}@corp${i}-moved.net`);
  const id = await runJob(emails);
  await until(
    () => jobState(id),
    (state) => state === "running",
  );
  expect(asked).toEqual([]);
  await edge.cron();
  await until(
    () => jobState(id),
    (state) => state === "completed",
  );
  expect(asked.sort()).toEqual(emails.map((email) => `eu ${email}`).sort());
  expect(await verdictsOf(id)).toHaveLength(30);
});
