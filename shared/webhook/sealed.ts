import { z } from "zod";

/**
 * A webhook secret at rest. Version 1 is AES-256-GCM: `iv` is 12 random bytes, `data` the ciphertext of the secret's
 * UTF-8 text followed by the 16-byte tag, both base64. `key` names the sealing key: the first 8 bytes of its SHA-256 in
 * hexadecimal, so that after a rotation the right one of several is picked. The additional data is SEAL_CONTEXT: an
 * envelope made for another purpose under the same key does not open.
 */
export const sealedSecret = z.strictObject({
  v: z.literal(1),
  key: z.string().regex(/^[0-9a-f]{16}$/),
  iv: z.base64().length(16),
  data: z.base64().min(24).max(400),
});
export type SealedSecret = z.infer<typeof sealedSecret>;

/** Additional authenticated data of every sealed webhook secret. */
export const SEAL_CONTEXT = "mailsonar webhook secret v1";

/** Secrets of one endpoint, newest first. All of them sign: two while one is being rotated out. */
export const SECRETS_PER_ENDPOINT_MAX = 4;
