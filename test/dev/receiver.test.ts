import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Receiver, startReceiver } from "../../dev/receiver.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
let receiver: Receiver;
let lines: string[];

beforeEach(async () => {
  lines = [];
  receiver = await startReceiver({ log: (line) => lines.push(line) });
});
afterEach(() => receiver.close());

async function post(path: string, body: string, secret = SECRET): Promise<number> {
  const at = new Date();
  const headers = {
    "webhook-id": "evt-1",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(secret).sign("evt-1", at, body),
  };
  return (await fetch(receiver.url + path, { method: "POST", headers, body })).status;
}

const event = JSON.stringify({ type: "job.completed", timestamp: "2026-11-20T12:00:00.000Z", data: { id: "j1" } });

describe("the webhook receiver", () => {
  it("accepts an event signed with the secret registered for its path, prints and shows it", async () => {
    const registered = await fetch(`${receiver.url}/secrets`, {
      method: "PUT",
      body: JSON.stringify({ path: "/hook", secret: SECRET }),
    });
    expect(registered.status).toBe(204);
    expect(await post("/hook", event)).toBe(204);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/webhook job\.completed \(signature ok\) id=evt-1 \{"id":"j1"\}/);
    expect(await (await fetch(receiver.url)).json()).toMatchObject([{ verified: true, id: "evt-1", path: "/hook" }]);
  });

  it("refuses a wrong signature, an unknown path and a body that is not JSON, and says why", async () => {
    receiver.setSecret("/hook", SECRET);
    expect(await post("/hook", event, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")).toBe(401);
    expect(await post("/other", event)).toBe(401);
    expect(await post("/hook", "not json")).toBe(401);
    expect(receiver.events.map((e) => e.problem)).toEqual([
      "No matching signature found",
      "no secret is registered for this path",
      "the body is not JSON",
    ]);
  });

  it("answers unreadable registrations and too large events without keeping them", async () => {
    expect((await fetch(`${receiver.url}/secrets`, { method: "PUT", body: "{" })).status).toBe(400);
    expect(await post("/hook", "x".repeat(1_100_000))).toBe(413);
    expect(receiver.count).toBe(0);
  });

  it("keeps the last thousand events", async () => {
    for (let n = 0; n < 1_010; n += 1) await post("/hook", event);
    expect(receiver.count).toBe(1_010);
    expect(receiver.events).toHaveLength(1_000);
  });
});
