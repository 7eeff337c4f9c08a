import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PROFILES } from "../../../probe/pace/profile.ts";
import { type HostPace, Pool } from "../../../probe/smtp/pool.ts";
import { type SmallHosts, startSmallHosts, visitOf } from "./small-hosts.ts";

const HOSTS = 12;
/** What the operator allows; tests change it. */
const operator = { connections: 2, pausedMs: 0 };

const turn = () => new Promise((resolve) => setImmediate(resolve));

let hosts: SmallHosts;
let pool: Pool;

beforeAll(async () => {
  hosts = await startSmallHosts(HOSTS);
});
afterAll(() => hosts.close());
beforeEach(() => {
  Object.assign(operator, { connections: 2, pausedMs: 0 });
  Object.assign(hosts.seen, { most: 0, made: 0, quits: 0 });
  hosts.order.length = 0;
  pool = new Pool({
    profile: PROFILES.polite,
    port: hosts.port,
    idleMax: 10,
    idleMs: 60_000,
    now: Date.now,
    record: null,
  });
});
afterEach(async () => {
  hosts.letGo();
  await pool.close();
  while (hosts.seen.open > 0) await turn();
});

function pace(laneName: string | null): HostPace {
  return {
    limits: { connections: 1, rcptPerConnection: 50, refusalsPerConnection: 18, maxRsets: null },
    grant: (wanted) => ({ recipients: Math.min(wanted, 10), waitMs: null }),
    connected() {},
    answered() {},
    lane:
      laneName === null
        ? null
        : { name: laneName, connections: () => operator.connections, pausedFor: () => operator.pausedMs },
  };
}

/** Asks one host of the operator (or of nobody's). */
function ask(host: number, { recipients = 3, urgent = false, lane = "operator" as string | null } = {}) {
  const { visit, over } = visitOf(recipients, urgent);
  const address = hosts.addresses[host % HOSTS] ?? "";
  const target = { name: `mx${host}.small.test`, addresses: [address], source: "any", helo: "prober.test" };
  const queue = pool.submit(target, visit, () => pace(lane));
  return { over, cancel: () => queue.cancel(visit) };
}

const answered = (asked: readonly { reply: { code: number } | null }[]): number =>
  asked.filter(({ reply }) => reply?.code === 250).length;

/** Resolves when as many connections as that have been made. */
async function made(count: number): Promise<void> {
  while (hosts.seen.made < count) await turn();
}

describe("an operator with many hosts", () => {
  it("never sees more connections than it allows, and each host is asked", async () => {
    const visits = Array.from({ length: HOSTS }, (_, host) => ask(host));
    const ends = await Promise.all(visits.map(({ over }) => over));
    expect(ends.map(answered)).toEqual(Array.from({ length: HOSTS }, () => 3));
    expect(hosts.seen).toMatchObject({ most: 2, made: HOSTS });
    expect(new Set(hosts.order).size).toBe(HOSTS);
  });

  it("is left politely by idle connections for which others wait, and by no others", async () => {
    await Promise.all([ask(0).over, ask(1).over]);
    expect(hosts.seen.quits).toBe(0);
    await ask(2).over;
    expect(hosts.seen).toMatchObject({ most: 2, made: 3 });
    expect(hosts.seen.quits).toBeGreaterThan(0);
    await ask(2).over;
    expect(hosts.seen.made).toBe(3);
  });

  it("serves its hosts in the order in which they came: one with endless work goes to the end of the line", async () => {
    operator.connections = 1;
    const long = ask(0, { recipients: 200 });
    const others = [1, 2, 3].map((host) => ask(host));
    await Promise.all([long.over, ...others.map(({ over }) => over)]);
    // Fifty recipients a connection: the first host needs four, and the others come in between.
    expect(hosts.order).toEqual([0, 1, 2, 3, 0, 0, 0].map((host) => hosts.addresses[host]));
  });

  it("gets one connection more from somebody in a hurry, and no second one", async () => {
    operator.connections = 1;
    hosts.hold();
    const bulk = ask(0);
    await made(1);
    const hurried = ask(1, { urgent: true });
    await made(2);
    const tooMany = [ask(2, { urgent: true }), ask(3)];
    for (let i = 0; i < 50; i += 1) await turn();
    expect(hosts.seen.made).toBe(2);
    hosts.letGo();
    await Promise.all([bulk, hurried, ...tooMany].map(({ over }) => over));
    expect(hosts.seen).toMatchObject({ most: 2, made: 4 });
    expect(hosts.order[2]).toBe(hosts.addresses[2]);
  });

  it("is not greeted at all while it is not to be asked, and those in line are told", async () => {
    operator.connections = 1;
    hosts.hold();
    const first = ask(0);
    await made(1);
    const waiting = [1, 2, 3].map((host) => ask(host));
    operator.pausedMs = 900_000;
    hosts.letGo();
    expect(answered(await first.over)).toBe(3);
    for (const { over } of waiting) expect((await over)[0]?.trouble).toEqual({ cause: "paused" });
    expect((await ask(4).over)[0]?.trouble).toEqual({ cause: "paused" });
    expect(hosts.seen.made).toBe(1);
  });

  it("loses no turn to somebody who no longer waits", async () => {
    operator.connections = 1;
    hosts.hold();
    const first = ask(0);
    await made(1);
    const gone = [1, 2].map((host) => ask(host));
    const last = ask(3);
    for (const one of gone) one.cancel();
    hosts.letGo();
    expect(answered(await last.over)).toBe(3);
    await first.over;
    expect(hosts.order).toEqual([0, 3].map((host) => hosts.addresses[host]));
  });

  it("says nothing of other operators, nor of hosts that nobody counts", async () => {
    operator.connections = 1;
    hosts.hold();
    const visits = [ask(0), ask(1, { lane: "another" }), ask(2, { lane: null }), ask(3, { lane: null })];
    await made(4);
    hosts.letGo();
    await Promise.all(visits.map(({ over }) => over));
    expect(hosts.seen.most).toBe(4);
  });
});

describe("a pool that is closed", () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

  it("leaves no timer behind, however many of its connections were idle", async () => {
    const before = timers();
    const visits = Array.from({ length: HOSTS }, (_, host) => ask(host, { lane: null }));
    await Promise.all(visits.map(({ over }) => over));
    await pool.close();
    // The test runner's own may have gone meanwhile.
    expect(timers()).toBeLessThanOrEqual(before);
  });
});
