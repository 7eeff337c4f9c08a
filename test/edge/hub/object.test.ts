import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type HubStand, startHub } from "../../../dev/hub/stand.ts";
import { type FleetMember, joinFleet } from "../../../probe/link/fleet.ts";
import { createSettler, type Settler } from "../../../probe/settle/settle.ts";
import { type Behaviour, fakeChecker, verdictFor } from "../../probe/link/fakes.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let hub: HubStand;
const members: { member: FleetMember; settler: Settler }[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  hub = await startHub(database);
});
afterEach(async () => {
  await hub.sql.query("DELETE FROM chunks WHERE state <> 'done'");
  for (const { member, settler } of members.splice(0)) {
    member.drain("test over");
    await member.ended;
    await settler.close();
  }
});
afterAll(async () => {
  await hub.close();
  await database.drop();
});

/** A probe on the real link and the real database with a checker of ours; resolves when the hub has welcomed it. */
async function probe(behaviour?: Behaviour, more: { token?: string; name?: string; window?: number } = {}) {
  const settler = createSettler(database.roleUrl("probe"), () => {});
  const welcomed = Promise.withResolvers<string>();
  const member = joinFleet(
    {
      edgeUrl: hub.url,
      token: more.token ?? hub.token,
      shard: null,
      me: {
        probe: more.name ?? "p1",
        build: "test",
        region: "eu",
        sources: [],
        slots: 4,
        window: more.window ?? 2_000,
        capabilities: [],
      },
      onWelcome: welcomed.resolve,
      onLoss: () => {},
    },
    { checker: fakeChecker(behaviour), settler, now: Date.now, drainFinishMs: 50, log: () => {} },
  );
  members.push({ member, settler });
  await Promise.race([welcomed.promise, member.ended.then((end) => welcomed.reject(new Error(end.message)))]);
  await welcomed.promise;
  return member;
}

/** Asks again until the answer is the wanted one; the test's time limit is the only clock. */
async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const chunkState = async (id: string) => (await hub.sql.query("SELECT * FROM chunks WHERE id = $1", [id])).rows[0];
const verdictsOf = async (job: string) =>
  (await hub.sql.query("SELECT * FROM verdicts WHERE job_id = $1 ORDER BY item_no", [job])).rows;
const emails = (count: number) => Array.from({ length: count }, (_, i) => `user${i}@example.net`);
const task = (email: string, waitMs: number) => ({
  id: randomUUID(),
  email,
  options: { mode: "full" as const, role_is_risky: false, transcript: false },
  deadlineMs: Date.now() + waitMs,
});

test("a planned chunk is leased, checked, settled and forgotten, and its job is announced as drained", async () => {
  await probe();
  const { chunk, job } = await hub.plan(await hub.tenant(), emails(50));
  await hub.call("wake");
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
  expect(await verdictsOf(job)).toHaveLength(50);
  await eventually(
    () => hub.call("known", [chunk]),
    (known) => known.length === 0,
  );
  await eventually(hub.announced, (all) => JSON.stringify(all).includes(job));
  expect(await hub.rows("SELECT * FROM chunk")).toEqual([]);
});

test("a real-time check comes back on the same path", async () => {
  await probe();
  expect(await hub.call("verify", task("someone@example.net", 5_000))).toMatchObject({
    kind: "answer",
    verdict: { email: "someone@example.net", status: "deliverable" },
  });
});

test("without a probe a real-time check is refused at once", async () => {
  expect(await hub.call("verify", task("someone@example.net", 60_000))).toEqual({ kind: "no_probe" });
});

test("a real-time check whose caller leaves is settled under its chunk", async () => {
  const gate = Promise.withResolvers<void>();
  await probe(async (item) => {
    await gate.promise;
    return { kind: "final", verdict: verdictFor(item.email) };
  });
  const asked = task("slow@example.net", 300);
  expect(await hub.call("verify", asked)).toEqual({ kind: "late" });
  const { chunk, job, ticket } = await hub.storeCheck(await hub.tenant(), "slow@example.net");
  expect(await hub.call("detach", asked.id, chunk, ticket)).toBe("detached");
  expect(await hub.call("known", [chunk])).toEqual([chunk]);
  gate.resolve();
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
  expect(await verdictsOf(job)).toHaveLength(1);
  await eventually(
    () => hub.call("view"),
    (view) => view.probes[0]?.tasks === 0,
  );
});

test("a detached check that outlives its object is settled all the same", async () => {
  const gate = Promise.withResolvers<void>();
  await probe(async (item) => {
    await gate.promise;
    return { kind: "final", verdict: verdictFor(item.email) };
  });
  const asked = task("slow@example.net", 200);
  await hub.call("verify", asked);
  const { chunk, job, ticket } = await hub.storeCheck(await hub.tenant(), "slow@example.net");
  await hub.call("detach", asked.id, chunk, ticket);
  await hub.evict("hibernate");
  expect(await hub.call("known", [chunk])).toEqual([chunk]);
  gate.resolve();
  await eventually(
    () => hub.call("known", [chunk]),
    (known) => known.length === 0,
  );
  expect(await verdictsOf(job)).toHaveLength(1);
});

test("detach of a check that nobody has is answered with gone", async () => {
  expect(await hub.call("detach", randomUUID(), randomUUID(), randomUUID())).toBe("gone");
});

test("a waiting call is told late, not left hanging, when its probe says nothing", async () => {
  await probe((_item, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(null))));
  expect(await hub.call("verify", task("silence@example.net", 200))).toEqual({ kind: "late" });
});

test.each(["hibernate", "close"] as const)("leases survive when the object is evicted (%s)", async (sockets) => {
  const gate = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  await probe(async (item) => {
    started.resolve();
    await gate.promise;
    return { kind: "final", verdict: verdictFor(item.email) };
  });
  const { chunk, job } = await hub.plan(await hub.tenant(), emails(20));
  await hub.call("wake");
  await started.promise;
  const before = await chunkState(chunk);
  await hub.evict(sockets);
  await eventually(
    () => hub.call("view"),
    (view) => view.probes[0]?.state === "online",
  );
  expect(await hub.call("known", [chunk])).toEqual([chunk]);
  expect((await chunkState(chunk)).ticket).toBe(before.ticket);
  gate.resolve();
  await eventually(
    () => hub.call("known", [chunk]),
    (known) => known.length === 0,
  );
  expect(await verdictsOf(job)).toHaveLength(20);
});

test("a probe that comes back empty-handed has its chunks planned again under a new ticket", async () => {
  const first = rawSocket(hub.token);
  await first.hello([]);
  const { chunk, job } = await hub.plan(await hub.tenant(), emails(5));
  await hub.call("wake");
  const lease = await first.next("lease");
  expect(lease).toMatchObject({ chunk, items: { length: 5 } });
  first.socket.terminate();
  await probe();
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
  expect(await verdictsOf(job)).toHaveLength(5);
  const zombie = createSettler(database.roleUrl("probe"), () => {});
  const late = {
    chunk,
    ticket: String(lease.ticket),
    results: [],
    rest: [],
    hold: false,
    againAtMs: null,
    sticky: null,
    opinions: [],
  };
  expect(await zombie.settle(late, AbortSignal.timeout(10_000))).toEqual({ outcome: "stale" });
  await zombie.close();
});

test("a draining probe hands untouched work back and another finishes it", async () => {
  const started = Promise.withResolvers<void>();
  const stuck = await probe((_item, signal) => {
    started.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(null)));
  });
  const { chunk, job } = await hub.plan(await hub.tenant(), emails(5));
  await hub.call("wake");
  await started.promise;
  expect(await hub.call("drain", "p1", "upgrade")).toBe(true);
  expect(await stuck.ended).toMatchObject({ why: "drained" });
  await probe();
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
  expect(await verdictsOf(job)).toHaveLength(5);
});

test("a deferred item comes back when it is due, with what is known of it", async () => {
  const tries: number[] = [];
  await probe((item) => {
    tries.push(item.tries);
    if (item.tries > 0) return { kind: "final", verdict: verdictFor(item.email) };
    const again = { ...item, tries: 1, due: Date.now() + 300, first: 1, last: "451 greylisted" };
    return { kind: "deferred", item: again, provisional: verdictFor(item.email), source: "127.0.0.9" };
  });
  const { chunk, job } = await hub.plan(await hub.tenant(), emails(1));
  await hub.call("wake");
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
  expect(tries).toEqual([0, 1]);
  expect((await chunkState(chunk)).sticky).toEqual({ probe: "p1", source: "127.0.0.9" });
  expect(await verdictsOf(job)).toHaveLength(1);
});

test("work that comes due later is fetched without being woken", async () => {
  await probe();
  const { chunk } = await hub.plan(await hub.tenant(), emails(1), { dueAt: new Date(Date.now() + 500) });
  await hub.call("wake");
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
});

test("chunks stay planned while no probe is there", async () => {
  const { chunk } = await hub.plan(await hub.tenant(), emails(3));
  await hub.call("wake");
  expect((await hub.call("view")).lanes.normal.chunks).toBe(0);
  expect((await chunkState(chunk)).state).toBe("planned");
  await probe();
  await eventually(
    () => chunkState(chunk),
    (row) => row.state === "done",
  );
});

test("the door refuses unknown, malformed and revoked tokens and foreign regions, each in words", async () => {
  const revoked = await hub.credential("p-revoked", { revoked: true });
  const elsewhere = await hub.credential("p-us", { region: "us" });
  const refusal = async (token: string) => {
    const answer = await rawSocket(token).refused;
    return `${answer.status} ${answer.detail}`;
  };
  expect(await refusal("nonsense")).toBe("401 The request carries no well-formed probe token.");
  expect(await refusal(`pt_p1_${"x".repeat(32)}`)).toBe("401 The probe token is not known.");
  expect(await refusal(revoked)).toBe("401 The probe token has been revoked.");
  expect(await refusal(elsewhere)).toBe('403 The probe token is for region "us".');
  await expect(probe(undefined, { token: `pt_p1_${"x".repeat(32)}` })).rejects.toThrow("The probe token is not known.");
});

test("a probe of another protocol version is refused at hello with both versions named", async () => {
  const old = rawSocket(hub.token);
  await old.open;
  old.socket.send(JSON.stringify({ t: "hello", v: 99, anything: "else" }));
  expect(await old.next("refuse")).toMatchObject({ code: "bad_version", why: "version 99 is not 1" });
  expect(await old.closed).toBe(4406);
});

test("a hello under another probe's name is refused", async () => {
  await expect(probe(undefined, { name: "p2" })).rejects.toThrow('the token is for probe "p1"');
});

test("frames that are no frames close the socket and nothing else", async () => {
  for (const text of ["not json", "{}", JSON.stringify({ t: "done", items: [] }), "x".repeat(1_000_001)]) {
    const bad = rawSocket(hub.token);
    await bad.open;
    bad.socket.send(text);
    expect(await bad.closed).toBe(4400);
  }
  expect((await hub.call("view")).probes).toEqual([]);
});

/** A bare WebSocket at the hub's door. */
function rawSocket(token: string) {
  const socket = new WebSocket(`${hub.url.replace("http", "ws")}/v1/probes/connect?region=eu`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const frames: Record<string, unknown>[] = [];
  const news = new EventEmitter();
  socket.on("message", (data) => {
    frames.push(JSON.parse(data.toString()));
    news.emit("news");
  });
  socket.on("error", () => {});
  const refused = new Promise<{ status: number | undefined; detail: string }>((resolve) => {
    socket.on("unexpected-response", async (request, response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode, detail: JSON.parse(text).detail });
      request.destroy();
    });
  });
  const open = once(socket, "open");
  open.catch(() => {});
  return {
    socket,
    refused,
    open,
    closed: new Promise<number>((resolve) => socket.on("close", resolve)),
    /** The next frame of that type, waiting for it. */
    async next(type: string): Promise<Record<string, unknown>> {
      for (;;) {
        const at = frames.findIndex((frame) => frame.t === type);
        const [frame] = at < 0 ? [] : frames.splice(at, 1);
        if (frame !== undefined) return frame;
        await once(news, "news");
      }
    },
    async hello(leases: { chunk: string; lease: number }[]): Promise<void> {
      await open;
      const me = { probe: "p1", build: "raw", region: "eu", sources: [], slots: 1, window: 1_000, capabilities: [] };
      socket.send(JSON.stringify({ t: "hello", v: 1, ...me, leases }));
      await this.next("welcome");
    },
  };
}
