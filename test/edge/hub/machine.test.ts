import { describe, expect, test } from "vitest";
import { restoreHub } from "../../../edge/hub/boot.ts";
import { CLOSE_GRACE_MS, LEASE_MAX_MS, STICKY_WAIT_MS } from "../../../edge/hub/limits.ts";
import { BEAT_INTERVAL_MS, FRAMES_PER_BEAT_MAX, LEASE_GRACE_MS } from "../../../shared/limits.ts";
import { HubBench } from "./bench.ts";

describe("leases", () => {
  test("a lease stays while its probe beats and returns after the grace when it falls silent", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    for (let i = 0; i < 10; i++) {
      hub.wait(BEAT_INTERVAL_MS);
      hub.beat("p1");
    }
    expect(hub.holders()).toEqual({ a: "p1" });
    const commands = hub.wait(LEASE_GRACE_MS);
    expect(hub.all("lose", commands)).toHaveLength(1);
    expect(hub.all("close", commands)).toMatchObject([{ session: "p1", code: 4408 }]);
    expect(hub.all("refill", commands)).toMatchObject([{ lost: [{ id: "a", afterMs: 0 }] }]);
  });

  test("a probe whose socket closed has a moment to come back with its leases", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    const lease = hub.state.chunks.get("a")?.lease ?? 0;
    hub.feed({ t: "closed", session: "p1" });
    hub.wait(CLOSE_GRACE_MS - 1);
    hub.join("p1", { session: "again", leases: [{ chunk: "a", lease }] });
    expect(hub.holders()).toEqual({ a: "p1" });
    hub.feed({ t: "closed", session: "again" });
    expect(hub.all("lose", hub.wait(CLOSE_GRACE_MS))).toHaveLength(1);
    expect(hub.state.probes.size).toBe(0);
  });

  test("a probe that beats and never finishes keeps a chunk no longer than the longest lease", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    for (let ms = 0; ms < LEASE_MAX_MS; ms += BEAT_INTERVAL_MS) {
      hub.wait(BEAT_INTERVAL_MS);
      hub.beat("p1");
    }
    hub.wait(LEASE_GRACE_MS - 1);
    expect(hub.all("lose")).toHaveLength(1);
  });

  test("a lease that a heartbeat two intervals later does not name is given up", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    const beat = () => hub.frame("p1", { t: "beat", sent: 0, held: 0, running: 0, leases: [] });
    hub.wait(BEAT_INTERVAL_MS);
    expect(hub.all("lose", beat())).toHaveLength(0);
    hub.wait(BEAT_INTERVAL_MS);
    expect(hub.all("lose", beat())).toHaveLength(1);
  });

  test("only its holder ends a lease, and only under its number", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    hub.join("p2");
    const lease = hub.state.chunks.get("a")?.lease ?? 0;
    hub.frame("p2", { t: "done", items: [{ chunk: "a", lease, outcome: "settled", drained: true }] });
    hub.frame("p1", { t: "done", items: [{ chunk: "a", lease: lease + 1, outcome: "settled", drained: true }] });
    hub.frame("p2", { t: "nack", items: [{ chunk: "a", lease, why: "" }] });
    expect(hub.holders()).toEqual({ a: "p1" });
    expect(hub.all("finalise")).toEqual([]);
    expect(hub.state.ignored).toBe(3);
  });

  test("untouched work goes to another probe under its ticket; what all hand back is planned again later", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    for (let i = 0; i < 4; i++) {
      const lease = hub.state.chunks.get("a")?.lease ?? 0;
      hub.frame("p1", { t: "nack", items: [{ chunk: "a", lease, why: "" }] });
    }
    expect(hub.all("unlease")).toHaveLength(3);
    expect(hub.state.lost.get("a")?.afterMs).toBeGreaterThan(0);
  });

  test("a stale or failed chunk is planned again, a settled one forgotten, a drained job announced", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }, { id: "b" }, { id: "c", tenant: "t9", job: "j9" }]);
    hub.done("a", "stale");
    hub.done("b", "failed");
    expect([...hub.state.lost.keys()]).toEqual(["a", "b"]);
    const lease = hub.state.chunks.get("c")?.lease ?? 0;
    hub.frame("p1", { t: "done", items: [{ chunk: "c", lease, outcome: "settled", drained: true }] });
    expect(hub.all("finalise")).toEqual([{ c: "finalise", tenant: "t9", job: "j9" }]);
    expect(hub.state.chunks.size).toBe(0);
  });

  test("a chunk that comes again replaces the old one: its ticket is newer", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    const first = hub.state.chunks.get("a");
    hub.fill([{ id: "a" }]);
    expect(hub.state.chunks.get("a")?.lease).not.toBe(first?.lease);
    expect(hub.all("drop")).toEqual([{ c: "drop", seqs: [first?.seq] }]);
    expect(hub.state.probes.get("p1")?.leased).toBe(100);
  });
});

describe("room", () => {
  test("the window is absolute: repeated pulls change nothing, a smaller one is respected", () => {
    const hub = new HubBench();
    hub.join("p1", { window: 250 });
    hub.fill([{ id: "a" }, { id: "b" }, { id: "c" }, { id: "d" }]);
    for (let i = 0; i < 5; i++) hub.frame("p1", { t: "pull", window: 250, slots: 2 });
    expect(hub.leases()).toEqual(["a", "b"]);
    hub.frame("p1", { t: "pull", window: 100, slots: 2 });
    hub.done("a");
    expect(hub.leases()).toEqual(["a", "b"]);
    hub.done("b");
    expect(hub.leases()).toEqual(["a", "b", "c"]);
  });

  test("a chunk larger than the window is served alone", () => {
    const hub = new HubBench();
    hub.join("p1", { window: 50 });
    hub.fill([
      { id: "a", size: 500 },
      { id: "b", size: 10 },
    ]);
    expect(hub.leases()).toEqual(["a"]);
    hub.done("a");
    expect(hub.leases()).toEqual(["a", "b"]);
  });

  test("a small chunk does not overtake a large one for ever", () => {
    const hub = new HubBench();
    hub.join("p1", { window: 1_000 });
    hub.fill([
      { id: "s0", size: 600 },
      { id: "large", size: 500 },
      ...Array.from({ length: 20 }, (_, i) => ({ id: `s${i + 1}`, size: 50 })),
    ]);
    expect(hub.leases()).toEqual(["s0"]);
    hub.done("s0");
    expect(hub.leases()[1]).toBe("large");
  });

  test("a draining probe is given nothing more", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.frame("p1", { t: "draining" });
    hub.fill([{ id: "a" }]);
    expect(hub.leases()).toEqual([]);
    expect(hub.feed({ t: "drain", probe: "nobody", why: "" })).toEqual([]);
  });
});

describe("refill", () => {
  test("waits for probes, runs once at a time, and looks again when something is due", () => {
    const hub = new HubBench();
    expect(hub.all("refill", hub.feed({ t: "wake" }))).toEqual([]);
    expect(hub.all("refill", hub.join("p1"))).toHaveLength(1);
    expect(hub.all("refill", hub.feed({ t: "wake" }))).toEqual([]);
    hub.fill([], { nextDueMs: hub.now + 5_000 });
    // The wake during the call asks for another look at once.
    expect(hub.all("refill")).toHaveLength(2);
    hub.fill([], { nextDueMs: hub.now + 5_000 });
    expect(hub.all("refill", hub.wait(4_999))).toEqual([]);
    expect(hub.all("refill", hub.wait(1))).toHaveLength(1);
  });

  test("a failing Postgres is asked ever more patiently, and a wake does not hurry it", () => {
    const hub = new HubBench();
    hub.join("p1");
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      hub.feed({ t: "refill_failed" });
      hub.feed({ t: "wake" });
      const from = hub.now;
      while (hub.all("refill", hub.wait(100)).length === 0) {
        hub.beat("p1");
      }
      pauses.push(hub.now - from);
    }
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses[0]).toBeLessThan(1_000);
    expect(pauses.at(-1)).toBe(30_000);
  });

  test("asks for what the probes can hold, and no more than that waits", () => {
    const hub = new HubBench();
    hub.join("p1", { window: 300 });
    expect(hub.all("refill").at(-1)?.room).toBe(600);
    hub.fill(
      Array.from({ length: 6 }, () => ({})),
      { nextDueMs: hub.now },
    );
    expect(hub.leases()).toHaveLength(3);
    // 300 of 300 wait: enough for the next filling.
    expect(hub.all("refill")).toHaveLength(1);
    hub.done("c1");
    expect(hub.all("refill").at(-1)?.room).toBe(400);
  });

  test("a rest is looked for when it is due", () => {
    const hub = new HubBench();
    hub.join("p1");
    hub.fill([{ id: "a" }]);
    const lease = hub.state.chunks.get("a")?.lease ?? 0;
    const again = hub.now + 3_000;
    hub.frame("p1", { t: "done", items: [{ chunk: "a", lease, outcome: "rest", drained: false, again }] });
    expect(hub.all("refill", hub.wait(2_999))).toEqual([]);
    expect(hub.all("refill", hub.wait(1))).toHaveLength(1);
  });
});

describe("admission", () => {
  test.each([
    ["another probe's name", "p2", "eu", "wrong_probe"],
    ["another region", "p1", "us", "wrong_region"],
  ])("a hello with %s is refused in words", (_what, probe, region, code) => {
    const hub = new HubBench();
    hub.feed({ t: "opened", session: "s", credential: "p1", region: "eu" });
    const offer = { build: "", sources: [], capabilities: [], window: 1, slots: 1, leases: [] };
    const commands = hub.frame("s", { t: "hello", v: 1, probe, region, ...offer });
    expect(hub.all("send", commands)).toMatchObject([{ frame: { t: "refuse", code } }]);
    expect(hub.all("close", commands)).toHaveLength(1);
    expect(hub.state.probes.size).toBe(0);
  });

  test("instances of one credential are probes of their own", () => {
    const hub = new HubBench();
    hub.feed({ t: "opened", session: "s", credential: "p1", region: "eu" });
    const offer = { build: "", region: "eu", sources: [], capabilities: [], window: 1, slots: 1, leases: [] };
    hub.frame("s", { t: "hello", v: 1, probe: "p1.b", ...offer });
    expect([...hub.state.probes.keys()]).toEqual(["p1.b"]);
  });

  test("a second connection of a probe replaces the first", () => {
    const hub = new HubBench();
    hub.join("p1", { session: "old" });
    expect(hub.all("close", hub.join("p1", { session: "new" }))).toMatchObject([{ session: "old", code: 4409 }]);
    hub.feed({ t: "closed", session: "old" });
    expect(hub.state.probes.get("p1")?.session).toBe("new");
  });

  test("work before hello, and a flood, close the socket", () => {
    const hub = new HubBench();
    hub.feed({ t: "opened", session: "s", credential: "p1", region: "eu" });
    expect(hub.all("close", hub.frame("s", { t: "pull", window: 1, slots: 1 }))).toMatchObject([{ code: 4400 }]);
    hub.join("p2");
    for (let i = 0; i < FRAMES_PER_BEAT_MAX; i++) hub.frame("p2", { t: "pull", window: 1, slots: 1 });
    expect(hub.all("close").at(-1)).toMatchObject({ session: "p2", code: 4429 });
  });
});

describe("a deferred chunk", () => {
  test("returns to the probe that deferred it, though another has room", () => {
    const hub = new HubBench();
    hub.join("p1", { window: 100 });
    hub.join("p2", { window: 1_000 });
    hub.fill([{ id: "busy", domain: "" }]);
    const holder = hub.holders().busy ?? "";
    hub.fill([{ id: "a", sticky: "p1" }]);
    expect(hub.holders().a ?? "p1").toBe("p1");
    if (holder === "p1") hub.done("busy");
    expect(hub.holders().a).toBe("p1");
  });

  test("goes to anyone when its probe stays full too long, drains, or is not there", () => {
    const hub = new HubBench();
    hub.join("p1", { window: 100 });
    hub.fill([{ id: "full" }]);
    hub.fill([
      { id: "a", sticky: "p1" },
      { id: "b", sticky: "gone" },
    ]);
    hub.join("p2");
    expect(hub.holders()).toEqual({ full: "p1", b: "p2" });
    for (let i = 0; i < STICKY_WAIT_MS / BEAT_INTERVAL_MS; i++) {
      hub.wait(BEAT_INTERVAL_MS);
      hub.beat("p1");
      hub.beat("p2");
    }
    expect(hub.holders().a).toBe("p2");
    hub.fill([{ id: "c", sticky: "p1" }]);
    expect(hub.holders().c).toBeUndefined();
    hub.frame("p1", { t: "draining" });
    expect(hub.holders().c).toBe("p2");
  });
});

describe("after a restart", () => {
  test("rows and surviving sockets make the same hub: held, queued and lost chunks", () => {
    const row = {
      tenant: "t",
      job: "j",
      lane: 2,
      domain: "",
      size: 100,
      bare: false,
      sticky: null,
      queuedAtMs: 1,
      leasedAtMs: 5,
      lost: false,
    };
    const rows = [
      { ...row, seq: 1, id: "held", holder: "p1", lease: 41 },
      { ...row, seq: 2, id: "queued", holder: null, lease: 0 },
      { ...row, seq: 3, id: "lost", holder: null, lease: 0, lost: true },
      { ...row, seq: 4, id: "check", bare: true, size: 1, holder: "p1", lease: 42 },
      { ...row, seq: 5, id: "orphan", holder: "p9", lease: 43 },
    ];
    const hello = {
      t: "hello" as const,
      v: 1,
      probe: "p1",
      build: "",
      region: "eu",
      sources: [],
      slots: 2,
      window: 150,
      capabilities: [],
      leases: [],
    };
    const survivor = { session: "s1", credential: "p1", region: "eu", hello, draining: false };
    const { state } = restoreHub(rows, new Map([["p1", 9_000]]), [survivor], 10_000);
    expect(state.probes.get("p1")).toMatchObject({ session: "s1", leased: 100, running: 1, window: 150 });
    expect(state.probes.get("p9")).toMatchObject({ session: null, leased: 100 });
    expect(state.lanes[2]).toMatchObject({ chunks: 1, addresses: 100 });
    expect([...state.lost.keys()]).toEqual(["lost"]);
    expect(state.nextLease).toBeGreaterThan(43);
    expect(state.nextSeq).toBe(6);
    expect(state.capacity).toBe(150);
  });

  test("leases of a probe that does not come back are planned again", () => {
    const hub = new HubBench();
    const row = {
      seq: 1,
      id: "a",
      tenant: "t",
      job: "j",
      lane: 2,
      domain: "",
      size: 1,
      bare: false,
      sticky: null,
      queuedAtMs: 1,
      leasedAtMs: 5,
      lost: false,
      holder: "p1",
      lease: 1,
    };
    const restored = restoreHub([row], new Map(), [], hub.now);
    hub.state = restored.state;
    expect(hub.all("alarm", restored.commands)).toHaveLength(1);
    expect(hub.all("refill", hub.wait(CLOSE_GRACE_MS))).toMatchObject([{ room: 0, lost: [{ id: "a" }] }]);
  });
});
