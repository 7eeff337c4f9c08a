import { createHash } from "node:crypto";
import { z } from "zod";
import { err, ok, type Result } from "../../shared/result.ts";
import { SECRET_PREFIX } from "../../shared/webhook/event.ts";
import {
  SEAL_CONTEXT,
  SECRETS_PER_ENDPOINT_MAX,
  type SealedSecret,
  sealedSecret,
} from "../../shared/webhook/sealed.ts";
import { OPENED_SECRETS_MAX } from "./limits.ts";

/** Why a sealed secret did not open. Every kind is trouble on our side. */
export type SecretError = "unknown-key" | "tampered" | "not-a-secret";

const envelopes = z.array(sealedSecret).min(1).max(SECRETS_PER_ENDPOINT_MAX);
const utf8 = new TextEncoder();

/**
 * Opens one sealed secret.
 * @param sealingKey 32 bytes, base64.
 * @returns the secret as its owner knows it: `whsec_` and base64.
 */
export async function openSecret(envelope: SealedSecret, sealingKey: string): Promise<Result<string, SecretError>> {
  if (envelope.key !== sealingKeyId(sealingKey)) return err("unknown-key");
  const key = await crypto.subtle.importKey("raw", Buffer.from(sealingKey, "base64"), "AES-GCM", false, ["decrypt"]);
  const iv = Buffer.from(envelope.iv, "base64");
  const algorithm = { name: "AES-GCM", iv, additionalData: utf8.encode(SEAL_CONTEXT) };
  try {
    const plain = await crypto.subtle.decrypt(algorithm, key, Buffer.from(envelope.data, "base64"));
    return ok(new TextDecoder().decode(plain));
  } catch {
    return err("tampered");
  }
}

/** Key bytes of a secret in the form `whsec_<base64>`; null when it is not one. */
export function secretBytes(secret: string): Buffer | null {
  if (!secret.startsWith(SECRET_PREFIX)) return null;
  const bytes = Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
  return bytes.length >= 16 ? bytes : null;
}

/** The signing keys of an endpoint, newest first, or why they cannot be had. */
type SigningKeys = Result<readonly Buffer[], SecretError>;
export type Keyring = (sealed: string) => SigningKeys | Promise<SigningKeys>;

/**
 * Opens the `secrets` column of endpoints (its JSON text) and remembers what it opened.
 * @param sealingKeys base64, any number of them: while a sealing key is rotated, both are here.
 */
export function createKeyring(sealingKeys: readonly string[]): Keyring {
  const byId = new Map(sealingKeys.map((key) => [sealingKeyId(key), key]));
  const opened = new Map<string, SigningKeys>();

  async function openAll(sealed: string): Promise<SigningKeys> {
    const parsed = envelopes.safeParse(JSON.parse(sealed));
    if (!parsed.success) return err("not-a-secret");
    const keys: Buffer[] = [];
    for (const envelope of parsed.data) {
      const plain = await openSecret(envelope, byId.get(envelope.key) ?? "");
      if (!plain.ok) return plain;
      const bytes = secretBytes(plain.value);
      if (bytes === null) return err("not-a-secret");
      keys.push(bytes);
    }
    if (opened.size >= OPENED_SECRETS_MAX) opened.clear();
    opened.set(sealed, ok(keys));
    return ok(keys);
  }
  return (sealed) => opened.get(sealed) ?? openAll(sealed);
}

const sealingKeyId = (key: string): string =>
  createHash("sha256").update(Buffer.from(key, "base64")).digest("hex").slice(0, 16);
