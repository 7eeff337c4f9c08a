import { describe, expect, test } from "vitest";
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from "../../../probe/link/limits.ts";
import { createLinkState, type LinkCommand, type LinkEvent, step } from "../../../probe/link/machine.ts";
import { CLOSE, type HubFrame } from "../../../shared/wire/frames.ts";

const options = { mode: "full" as const, role_is_risky: false, transcript: false };

/** A link at a clock of our own. */
class Bench {
  now = 1_000;
  readonly state = createLinkState({
    probe: "p1",
    build: "test",
    region: "eu",
    sources: [],
    slots: 4,
    window: 100,
    capabilities: [],
  });

  feed(event: LinkEvent): LinkCommand[] {
    return step(this.state, event, this.now);
  }

  hear(frame: HubFrame): LinkCommand[] {
    return this.feed({ t: "frame", frame });
  }

  close(code = 1006, status = 0, chance = 0.5): LinkCommand[] {
    return this.feed({ t: "closed", code, status, why: "test", chance });
  }

  tick(): LinkCommand[] {
    return this.feed({ t: "tick", held: 0, report: null });
  }

  /** Connected and welcomed. */
  online(): this {
    this.feed({ t: "start" });
    this.welcome();
    return this;
  }

  welcome(): LinkCommand[] {
    this.feed({ t: "opened" });
    return this.hear({ t: "welcome", v: 1, session: "s", beat_ms: 10_000, grace_ms: 30_000 });
  }

  lease(chunk: string, lease: number): LinkCommand[] {
    const items = [{ n: 0, email: "a@example.net", tries: 0, due: 0, first: 0 }];
    return this.hear({
      t: "lease",
      chunk,
      lease,
      ticket: "t",
      lane: "normal",
      deadline: 0,
      sticky: null,
      options,
      items,
    });
  }

  task(task: string): LinkCommand[] {
    return this.hear({ t: "task", task, email: "a@example.net", deadline: 9_000, options });
  }

  done(chunk: string, lease: number): LinkCommand[] {
    return this.feed({ t: "done", item: { chunk, lease, outcome: "settled", drained: false } });
  }
}

const kinds = (commands: LinkCommand[]) => commands.map((command) => command.c);
const sent = (commands: LinkCommand[]) => commands.flatMap((command) => (command.c === "send" ? [command.frame] : []));

describe("hello", () => {
  test("comes first, with what this probe offers and the leases still in hand", () => {
    const link = new Bench().online();
    link.lease("c1", 7);
    link.close();
    link.now += 60_000;
    expect(kinds(link.tick())).toEqual(["open"]);
    expect(sent(link.feed({ t: "opened" }))).toMatchObject([
      { t: "hello", v: 1, window: 100, slots: 4, leases: [{ chunk: "c1", lease: 7 }] },
    ]);
  });

  test("without a welcome the connection is given up", () => {
    const link = new Bench();
    link.feed({ t: "start" });
    link.feed({ t: "opened" });
    link.now = link.state.nextMs;
    expect(kinds(link.tick())).toEqual(["close"]);
  });
});

describe("leases", () => {
  test("a repeated frame starts the work once; a new lease of the chunk starts it anew", () => {
    const link = new Bench().online();
    expect(kinds(link.lease("c1", 1))).toEqual(["work"]);
    expect(kinds(link.lease("c1", 1))).toEqual([]);
    expect(kinds(link.lease("c1", 2))).toEqual(["work"]);
  });

  test("dones of one burst leave in one frame, and none is said twice", () => {
    const link = new Bench().online();
    for (let i = 0; i < 3; i++) link.lease(`c${i}`, i);
    expect(kinds([...link.done("c0", 0), ...link.done("c1", 1)])).toEqual(["flush_soon", "flush_soon"]);
    expect(sent(link.feed({ t: "flush" }))).toMatchObject([{ t: "done", items: [{ chunk: "c0" }, { chunk: "c1" }] }]);
    expect(sent(link.feed({ t: "flush" }))).toEqual([]);
    expect(link.state.leases.size).toBe(1);
  });

  test("a done during an outage is said after the next welcome, and until then the lease is in hand", () => {
    const link = new Bench().online();
    link.lease("c1", 1);
    link.close();
    link.done("c1", 1);
    expect(sent(link.feed({ t: "flush" }))).toEqual([]);
    link.now += 60_000;
    link.tick();
    expect(sent(link.feed({ t: "opened" }))).toMatchObject([{ leases: [{ chunk: "c1" }] }]);
    const welcomed = link.hear({ t: "welcome", v: 1, session: "s2", beat_ms: 10_000, grace_ms: 30_000 });
    expect(sent(welcomed)).toMatchObject([{ t: "done", items: [{ chunk: "c1", lease: 1 }] }]);
  });

  test("a lease that cannot be read goes back, and the link stays", () => {
    const link = new Bench().online();
    expect(kinds(link.feed({ t: "unreadable", chunk: "c1", lease: 1, why: "items.0.email" }))).toEqual(["flush_soon"]);
    expect(sent(link.feed({ t: "flush" }))).toMatchObject([{ t: "nack", items: [{ chunk: "c1", lease: 1 }] }]);
    expect(link.state).toMatchObject({ phase: "online", leases: new Map() });
  });

  test("a done of a lease that was replaced is not said", () => {
    const link = new Bench().online();
    link.lease("c1", 1);
    link.lease("c1", 2);
    expect(link.done("c1", 1)).toEqual([]);
  });
});

describe("heartbeat", () => {
  test("names every lease in hand and is due again one interval later", () => {
    const link = new Bench().online();
    link.lease("c1", 1);
    link.now = link.state.nextMs;
    expect(sent(link.tick())).toMatchObject([{ t: "beat", leases: [{ chunk: "c1", lease: 1 }] }]);
    expect(link.state.nextMs).toBe(link.now + 10_000);
  });

  test("a hub that says nothing for the grace is left", () => {
    const link = new Bench().online();
    for (let i = 0; i < 3; i++) {
      link.now = link.state.nextMs;
      if (i < 2) expect(kinds(link.tick())).toEqual(["send"]);
    }
    expect(kinds(link.tick())).toEqual(["close"]);
  });
});

describe("reconnecting", () => {
  test("waits longer each time, with jitter, never longer than the ceiling, and starts over after a heartbeat", () => {
    const link = new Bench().online();
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      link.close(1006, 0, 1);
      waits.push(link.state.nextMs - link.now);
      link.now = link.state.nextMs;
      link.tick();
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBeLessThan(1_000);
    expect(Math.max(...waits)).toBe(RECONNECT_MIN_MS + RECONNECT_MAX_MS);
    link.welcome();
    link.hear({ t: "beat", sent: 0 });
    link.close(1006, 0, 0);
    expect(link.state.nextMs - link.now).toBe(RECONNECT_MIN_MS);
  });

  test.each([
    ["an unknown token", 0, 401],
    ["a wrong region", 0, 403],
    ["another version", CLOSE.badVersion, 0],
    ["a wrong name", CLOSE.badToken, 0],
  ])("%s ends the link for good", (_why, code, status) => {
    const link = new Bench();
    link.feed({ t: "start" });
    expect(link.close(code, status)).toMatchObject([{ c: "ended", end: { why: "refused" } }]);
    expect(link.state.nextMs).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    ["a server error", 0, 503],
    ["a reset", 1006, 0],
    ["a flood notice", CLOSE.flood, 0],
    ["a silence notice", CLOSE.silent, 0],
  ])("%s does not", (_why, code, status) => {
    const link = new Bench().online();
    expect(link.close(code, status)).toEqual([]);
    expect(link.state.nextMs).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  test("a refusal in words ends the link with those words; a full hub may be asked again", () => {
    const link = new Bench().online();
    expect(link.hear({ t: "refuse", code: "full", why: "no room" })).toEqual([]);
    expect(link.hear({ t: "refuse", code: "wrong_region", why: "the token is for us" })).toMatchObject([
      { c: "close" },
      { c: "ended", end: { why: "refused", message: "wrong_region: the token is for us" } },
    ]);
  });

  test("a process that is replaced leaves", () => {
    expect(new Bench().online().close(CLOSE.replaced)).toMatchObject([{ c: "ended", end: { why: "replaced" } }]);
  });
});

describe("draining", () => {
  test("says so, takes nothing more, and ends when the last work in hand is told", () => {
    const link = new Bench().online();
    link.lease("c1", 1);
    link.task("t1");
    expect(link.feed({ t: "drain", why: "SIGTERM" })).toMatchObject([
      { c: "send", frame: { t: "draining" } },
      { c: "wind_up" },
    ]);
    link.lease("c2", 2);
    expect(sent(link.feed({ t: "flush" }))).toMatchObject([{ t: "nack", items: [{ chunk: "c2" }] }]);
    expect(sent(link.task("t2"))).toMatchObject([{ t: "decline", task: "t2" }]);
    link.feed({ t: "answered", frame: { t: "decline", task: "t1", why: "" } });
    link.done("c1", 1);
    expect(kinds(link.feed({ t: "flush" }))).toEqual(["send", "close", "ended"]);
  });

  test("without work it ends at once, and a drain wish of the hub is the same", () => {
    expect(kinds(new Bench().online().feed({ t: "drain", why: "" }))).toEqual(["send", "wind_up", "close", "ended"]);
    expect(kinds(new Bench().online().hear({ t: "drain", why: "" }))).toEqual(["send", "wind_up", "close", "ended"]);
  });

  test("without a hub it ends as soon as all in hand is settled", () => {
    const link = new Bench().online();
    link.lease("c1", 1);
    link.close();
    expect(kinds(link.feed({ t: "drain", why: "" }))).toEqual(["wind_up"]);
    expect(kinds(link.done("c1", 1))).toEqual(["flush_soon", "ended"]);
  });

  test("a link that reconnects while draining offers nothing", () => {
    const link = new Bench().online();
    link.lease("c1", 1);
    link.feed({ t: "drain", why: "" });
    link.close();
    link.now += 60_000;
    link.tick();
    expect(sent(link.feed({ t: "opened" }))).toMatchObject([{ t: "hello", window: 0, slots: 0 }]);
  });
});

test("a new size is said at once while connected, and at every hello from then on", () => {
  const link = new Bench().online();
  expect(sent(link.feed({ t: "resize", window: 50, slots: 2 }))).toEqual([{ t: "pull", window: 50, slots: 2 }]);
  link.close();
  expect(link.feed({ t: "resize", window: 25, slots: 1 })).toEqual([]);
  link.now += 60_000;
  link.tick();
  expect(sent(link.feed({ t: "opened" }))).toMatchObject([{ t: "hello", window: 25, slots: 1 }]);
});

test("a real-time check is started once, and its answer goes out only while connected", () => {
  const link = new Bench().online();
  expect(kinds(link.task("t1"))).toEqual(["task"]);
  expect(kinds(link.task("t1"))).toEqual([]);
  link.close();
  expect(link.feed({ t: "answered", frame: { t: "decline", task: "t1", why: "" } })).toEqual([]);
});

test("a check that is handed over becomes a lease, once", () => {
  const link = new Bench().online();
  link.task("t1");
  const detach = { t: "detach", task: "t1", chunk: "c1", lease: 5, ticket: "t" } as const;
  expect(kinds(link.hear(detach))).toEqual(["detach"]);
  expect(kinds(link.hear(detach))).toEqual([]);
  expect([...link.state.leases]).toEqual([["c1", 5]]);
});
