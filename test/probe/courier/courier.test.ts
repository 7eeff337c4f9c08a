import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Receiver, startReceiver } from "../../../dev/receiver.ts";
import type { Courier } from "../../../probe/courier/courier.ts";
import { ENDPOINT_CAP } from "../../../probe/courier/limits.ts";
import { openStore } from "../../../probe/courier/store.ts";
import { Bed, QUICK } from "./bed.ts";

let bed: Bed;
let receiver: Receiver;
let hooks = 0;
const couriers: Courier[] = [];

beforeAll(async () => {
  bed = await Bed.make();
});
afterAll(() => bed.drop());
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  // Frees the couriers of answers they wait for before they are stopped.
  await receiver.close();
  for (const courier of couriers.splice(0)) await courier.stop();
  await bed.query("UPDATE webhook_endpoints SET state = 'disabled'");
});

const start = (...args: Parameters<Bed["courier"]>): Courier => {
  const courier = bed.courier(...args);
  couriers.push(courier);
  return courier;
};

/** A new endpoint at the receiver, its secret registered there. */
async function hook(): Promise<{ id: string; path: string }> {
  hooks += 1;
  const path = `/hook/${hooks}`;
  const { id, secret } = await bed.endpoint(receiver.url + path);
  receiver.setSecret(path, secret);
  return { id, path };
}

describe("the courier", () => {
  it("delivers an event once, signed, dated, traced, and records the attempt", async () => {
    const { id } = await hook();
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const [event] = await bed.raise(1, "job.completed", trace);
    const courier = start();
    await receiver.received(1);
    await courier.stop();
    expect(receiver.events).toHaveLength(1);
    expect(receiver.events[0]).toMatchObject({ id: event, verified: true, type: "job.completed" });
    expect(receiver.events[0]?.body).toEqual({ type: "job.completed", timestamp: expect.any(String), data: { n: 1 } });
    expect(receiver.events[0]?.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(await bed.deliveries(id)).toMatchObject([
      { state: "delivered", attempts: 1, last_status: 204, last_error: null },
    ]);
    const attempts = await bed.query(
      "SELECT attempt_no, status_code FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1",
      [id],
    );
    expect(attempts).toEqual([{ attempt_no: 1, status_code: 204 }]);
  });

  it("picks up an event raised while it idles", async () => {
    await hook();
    start();
    await bed.raise(2);
    await receiver.received(2);
    expect(receiver.events.every((e) => e.verified)).toBe(true);
  });

  it("tries again after a 500, under the same webhook-id", async () => {
    const { id } = await hook();
    receiver.behave((_, nth) => (nth === 1 ? { status: 500, body: '{"error":"boom"}' } : {}));
    const [event] = await bed.raise();
    const courier = start();
    await receiver.received(2);
    await courier.stop();
    expect(receiver.events.map((e) => [e.id, e.verified])).toEqual([
      [event, true],
      [event, true],
    ]);
    expect(await bed.deliveries(id)).toMatchObject([{ state: "delivered", attempts: 2 }]);
  });

  it("gives up after the last attempt of its plan", async () => {
    const { id } = await hook();
    receiver.behave(() => ({ status: 503 }));
    await bed.raise();
    const courier = start();
    await receiver.received(4);
    await courier.stop();
    expect(await bed.deliveries(id)).toMatchObject([{ state: "dead", attempts: 4, last_error: "answered 503" }]);
    expect(courier.stats()).toMatchObject({ failed: 4, dead: 1, delivered: 0 });
  });

  it("makes no more attempts after 410", async () => {
    const { id } = await hook();
    receiver.behave(() => ({ status: 410 }));
    await bed.raise();
    const courier = start();
    await receiver.received(1);
    await courier.stop();
    expect(await bed.deliveries(id)).toMatchObject([{ state: "dead", attempts: 1, last_status: 410 }]);
  });

  it("waits as long as Retry-After asks", async () => {
    const { id } = await hook();
    receiver.behave(() => ({ status: 429, headers: { "retry-after": "3600" } }));
    await bed.raise();
    const courier = start();
    await receiver.received(1);
    await courier.stop();
    const [delivery] = await bed.deliveries(id);
    expect(delivery?.state).toBe("pending");
    expect(delivery?.due_ms).toBeGreaterThan(3_500_000);
    expect(delivery?.due_ms).toBeLessThan(3_700_000);
  });

  it("tries again when there is no answer in time", async () => {
    const { id } = await hook();
    receiver.behave((_, nth) => (nth === 1 ? { hang: true } : {}));
    await bed.raise();
    const courier = start({ totalMs: 200 });
    await receiver.received(2);
    await courier.stop();
    expect(await bed.deliveries(id)).toMatchObject([{ state: "delivered", attempts: 2 }]);
    const [first] = await bed.query(
      "SELECT error FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1 AND attempt_no = 1",
      [id],
    );
    expect(first).toEqual({ error: "no answer in time" });
  });

  it("sends nothing to a disabled endpoint", async () => {
    const disabled = await hook();
    await bed.raise();
    await bed.query("UPDATE webhook_endpoints SET state = 'disabled' WHERE id = $1", [disabled.id]);
    const active = await hook();
    await bed.raise();
    const courier = start();
    await receiver.received(1);
    await courier.stop();
    expect(receiver.events.map((e) => e.path)).toEqual([active.path]);
    expect(await bed.deliveries(disabled.id)).toMatchObject([{ state: "pending", attempts: 0 }]);
  });

  it("keeps a receiver's words readable and storable: bounded, without addresses, secrets and control bytes", async () => {
    const { id } = await hook();
    const said = `no such user joe@example.com, key whsec_c2VjcmV0c2VjcmV0 \u0000\u001b[31m ${"€".repeat(5_000)}`;
    receiver.behave(() => ({ status: 400, body: said }));
    await bed.raise();
    const courier = start({ retryDelaysMs: [] });
    await receiver.received(1);
    await courier.stop();
    const [row] = await bed.query<{ response: string }>(
      "SELECT response FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1",
      [id],
    );
    expect(row?.response).toMatch(/^no such user \[address\], key \[secret\] {3}\[31m €+/);
    expect(Buffer.byteLength(row?.response ?? "")).toBeLessThan(2_100);
  });
});

describe("a courier among others", () => {
  it("two racing send each delivery exactly once", async () => {
    const total = 300;
    for (let n = 0; n < 6; n += 1) await hook();
    await bed.raise(total / 6);
    const [one, two] = [start(), start()];
    await receiver.received(total);
    await Promise.all([one.stop(), two.stop()]);
    expect(receiver.count).toBe(total);
    expect(new Set(receiver.events.map((e) => e.path + e.id)).size).toBe(total);
    expect(one.stats().delivered + two.stats().delivered).toBe(total);
  });

  it("an event sent by a courier that is killed before it records is sent again under the same webhook-id", async () => {
    const { id } = await hook();
    receiver.behave((_, nth) => (nth === 1 ? { hang: true } : {}));
    const [event] = await bed.raise();
    const victim = spawn(process.execPath, [fileURLToPath(new URL("./courier-process.ts", import.meta.url))], {
      env: { BED: JSON.stringify(bed.config), QUICK: JSON.stringify({ ...QUICK, leaseMs: 500 }) },
      stdio: "ignore",
    });
    await receiver.received(1);
    victim.kill("SIGKILL");
    await once(victim, "exit");
    expect(await bed.deliveries(id)).toMatchObject([{ state: "pending", attempts: 1 }]);
    const courier = start();
    await receiver.received(2);
    await courier.stop();
    expect(receiver.events.map((e) => e.id)).toEqual([event, event]);
    expect(await bed.deliveries(id)).toMatchObject([{ state: "delivered", attempts: 2 }]);
  });

  it("a late outcome does not undo what another courier has recorded since", async () => {
    const { id } = await hook();
    receiver.behave((_, nth) => (nth === 1 ? { status: 500, delayMs: 400 } : {}));
    await bed.raise();
    const slow = start({ leaseMs: 50 });
    await receiver.received(1);
    const quick = start();
    await receiver.received(2);
    await quick.stop();
    await slow.stop();
    expect(await bed.deliveries(id)).toMatchObject([{ state: "delivered", attempts: 2, last_status: 204 }]);
  });

  it("survives the loss of its database connections", async () => {
    await hook();
    const courier = start();
    await bed.raise();
    await receiver.received(1);
    await bed.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'courier' AND datname = current_database()",
    );
    await bed.raise();
    await receiver.received(2);
    await courier.stop();
    expect(courier.stats().delivered).toBe(2);
  });
});

describe("claims", () => {
  it("smaller than what is due reach every endpoint in turn, not the lowest ids again and again", async () => {
    for (let n = 0; n < 20; n += 1) await hook();
    await bed.raise(40);
    const store = openStore(bed.config.databaseUrl, () => {});
    const reached = new Set<string>();
    for (let n = 0; n < 30; n += 1) {
      const claimed = await store.claim(1, 5, 60_000, {});
      for (const delivery of claimed.ok ? claimed.value : []) reached.add(delivery.endpoint_id);
    }
    await store.close();
    expect(reached.size).toBeGreaterThan(15);
  });

  it("leave an endpoint alone whose room is taken", async () => {
    const [full, free] = [await hook(), await hook()];
    await bed.raise(3);
    const store = openStore(bed.config.databaseUrl, () => {});
    const claimed = await store.claim(2, 100, 60_000, { [full.id]: 2 });
    await store.close();
    expect(claimed.ok && claimed.value.map((d) => d.endpoint_id)).toEqual([free.id, free.id]);
  });
});

describe("a stalled endpoint", () => {
  it("holds no more than its cap, and nobody else up", async () => {
    const stalled = await hook();
    const healthy = await hook();
    receiver.behave((event) => (event.path === stalled.path ? { hang: true } : {}));
    await bed.raise(60);
    const courier = start({ totalMs: 5_000, stopMs: 50 });
    await receiver.received(60 + ENDPOINT_CAP);
    await courier.stop();
    expect(receiver.events.filter((e) => e.path === healthy.path)).toHaveLength(60);
    expect(receiver.events.filter((e) => e.path === stalled.path)).toHaveLength(ENDPOINT_CAP);
  });

  it("does not stop a courier from stopping, and what was cut short is due again at once", async () => {
    const { id } = await hook();
    receiver.behave(() => ({ hang: true }));
    await bed.raise();
    const courier = start({ stopMs: 50 });
    await receiver.received(1);
    await courier.stop();
    const [delivery] = await bed.deliveries(id);
    expect(delivery).toMatchObject({ state: "pending", last_error: "cut short on our side" });
    expect(delivery?.due_ms).toBeLessThanOrEqual(0);
  });
});

describe("outside the public internet", () => {
  it("a redirect is a failure and is not followed", async () => {
    const target = await startReceiver();
    const { id } = await hook();
    receiver.behave(() => ({ status: 307, headers: { location: `${target.url}/inside` } }));
    await bed.raise();
    const courier = start({ retryDelaysMs: [] });
    await receiver.received(1);
    await courier.stop();
    expect(target.count).toBe(0);
    expect((await bed.deliveries(id))[0]?.last_error).toContain("redirects are not followed");
    await target.close();
  });

  it("a literal is refused for good, a name until it resolves to something public", async () => {
    const literal = await hook();
    const { id: name } = await bed.endpoint(`http://inside.example:${receiver.port}/`);
    await bed.raise();
    const courier = start({}, { resolve: async () => ["127.0.0.1"] }, { allowPrivate: false });
    while (courier.stats().failed < 2) await new Promise((resolve) => setImmediate(resolve));
    await courier.stop();
    expect(receiver.count).toBe(0);
    expect(await bed.deliveries(literal.id)).toMatchObject([{ state: "dead", attempts: 1 }]);
    const [named] = await bed.deliveries(name);
    expect(named).toMatchObject({ last_error: "the host has no address on the public internet" });
  });

  it("an event whose secret was sealed under a key we lack is kept, not sent", async () => {
    const { id } = await bed.endpoint(`${receiver.url}/x`, { sealingKey: randomBytes(32).toString("base64") });
    await bed.raise();
    const courier = start({ retryDelaysMs: [60_000] });
    while (courier.stats().failed < 1) await new Promise((resolve) => setImmediate(resolve));
    await courier.stop();
    expect(receiver.count).toBe(0);
    expect(await bed.deliveries(id)).toMatchObject([{ state: "pending", attempts: 1, last_status: null }]);
  });
});
