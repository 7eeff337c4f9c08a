import { SECRET_PREFIX } from "../../shared/webhook/event.ts";
import { SEAL_CONTEXT, type SealedSecret } from "../../shared/webhook/sealed.ts";

/** Bytes of a new secret: Standard Webhooks asks for 24 to 64. */
const SECRET_BYTES = 32;
/** Nonce of AES-GCM, SP 800-38D 8.2. */
const IV_BYTES = 12;

/** A new signing secret as its owner sees it, once: `whsec_` and base64 of random bytes. */
export function newWebhookSecret(): string {
  return SECRET_PREFIX + toBase64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

/**
 * Seals a secret for storage; only the courier, which holds the same key, opens it again.
 * @param sealingKeyBase64 32 bytes.
 * @throws when the sealing key is not 32 bytes of base64: a deployment fault, caught by env.ts before.
 */
export async function sealSecret(plain: string, sealingKeyBase64: string): Promise<SealedSecret> {
  const raw = Uint8Array.from(atob(sealingKeyBase64), (c) => c.charCodeAt(0));
  const [key, digest] = await Promise.all([
    crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]),
    crypto.subtle.digest("SHA-256", raw),
  ]);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const utf8 = new TextEncoder();
  const algorithm = { name: "AES-GCM", iv, additionalData: utf8.encode(SEAL_CONTEXT) };
  const data = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, utf8.encode(plain)));
  return { v: 1, key: toHex(new Uint8Array(digest, 0, 8)), iv: toBase64(iv), data: toBase64(data) };
}

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const toHex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
