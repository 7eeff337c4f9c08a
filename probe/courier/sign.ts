import { createHmac } from "node:crypto";

/**
 * The value of `webhook-signature`: one `v1,` HMAC-SHA-256 per key, separated by spaces, over id, timestamp and body
 * joined by full stops (Standard Webhooks 1.0.0, "Signature scheme").
 * @param seconds since 1970.
 */
export function signatures(keys: readonly Buffer[], id: string, seconds: number, body: string): string {
  const signed = `${id}.${seconds}.${body}`;
  return keys.map((key) => `v1,${createHmac("sha256", key).update(signed).digest("base64")}`).join(" ");
}
