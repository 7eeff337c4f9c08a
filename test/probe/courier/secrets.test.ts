import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { newWebhookSecret, sealSecret } from "../../../edge/webhooks/seal.ts";
import { createKeyring, openSecret, secretBytes } from "../../../probe/courier/secrets.ts";
import { signatures } from "../../../probe/courier/sign.ts";
import { sealedSecret } from "../../../shared/webhook/sealed.ts";

const newKey = () => randomBytes(32).toString("base64");
const NOW_S = Math.floor(Date.now() / 1_000);

describe("sealed secrets", () => {
  it("open with their key only, and are never the same twice", async () => {
    const key = newKey();
    const secret = newWebhookSecret();
    const [one, two] = [await sealSecret(secret, key), await sealSecret(secret, key)];
    expect(sealedSecret.safeParse(one).success).toBe(true);
    expect(await openSecret(one, key)).toEqual({ ok: true, value: secret });
    expect(await openSecret(one, newKey())).toEqual({ ok: false, error: "unknown-key" });
    expect(one.data).not.toBe(two.data);
    expect(JSON.stringify(one)).not.toContain(secret.slice(6, 20));
  });

  it("do not open once a bit has changed", async () => {
    const key = newKey();
    const sealed = await sealSecret(newWebhookSecret(), key);
    const bytes = Buffer.from(sealed.data, "base64");
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    expect(await openSecret({ ...sealed, data: bytes.toString("base64") }, key)).toEqual({
      ok: false,
      error: "tampered",
    });
  });

  it("of one endpoint open all, under whichever sealing key each was made", async () => {
    const [old, current] = [newKey(), newKey()];
    const secrets = [newWebhookSecret(), newWebhookSecret()];
    const sealed = JSON.stringify([
      await sealSecret(secrets[0] ?? "", current),
      await sealSecret(secrets[1] ?? "", old),
    ]);
    expect(await createKeyring([current, old])(sealed)).toEqual({ ok: true, value: secrets.map(secretBytes) });
    expect(await createKeyring([current])(sealed)).toEqual({ ok: false, error: "unknown-key" });
    expect(await createKeyring([current])("[]")).toEqual({ ok: false, error: "not-a-secret" });
    const plain = JSON.stringify([await sealSecret("hunter2", current)]);
    expect(await createKeyring([current])(plain)).toEqual({ ok: false, error: "not-a-secret" });
  });
});

describe("signatures", () => {
  it("verify with the public library under each active secret, and under no other", () => {
    const secrets = [newWebhookSecret(), newWebhookSecret()];
    const keys = secrets.map((s) => secretBytes(s)).filter((k) => k !== null);
    const body = '{"type":"job.completed","data":{"name":"Zoë 🛰"}}';
    const headers = {
      "webhook-id": "018f2f6e-0000-7000-8000-000000000001",
      "webhook-timestamp": String(NOW_S),
      "webhook-signature": signatures(keys, "018f2f6e-0000-7000-8000-000000000001", NOW_S, body),
    };
    for (const secret of secrets) expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow();
    expect(() => new Webhook(secrets[0] ?? "").verify(`${body} `, headers)).toThrow();
  });
});
