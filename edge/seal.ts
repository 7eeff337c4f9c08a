/** Nonce of AES-GCM, SP 800-38D 8.2. */
const IV_BYTES = 12;

/**
 * Seals a text for storage with AES-GCM: base64 of nonce and ciphertext. `context` says what it is for; a text sealed
 * for one thing cannot be opened as another.
 * @param keyBase64 32 bytes
 */
export async function seal(plain: string, context: string, keyBase64: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const key = await importKey(keyBase64, "encrypt");
  const data = new Uint8Array(
    await crypto.subtle.encrypt(algorithm(iv, context), key, new TextEncoder().encode(plain)),
  );
  const both = new Uint8Array(IV_BYTES + data.length);
  both.set(iv);
  both.set(data, IV_BYTES);
  return base64Of(both);
}

/** Opens what {@link seal} made. @throws when key or context are others, or the text was changed */
export async function unseal(sealed: string, context: string, keyBase64: string): Promise<string> {
  const both = bytesOf(sealed);
  const key = await importKey(keyBase64, "decrypt");
  const plain = await crypto.subtle.decrypt(
    algorithm(both.subarray(0, IV_BYTES), context),
    key,
    both.subarray(IV_BYTES),
  );
  return new TextDecoder().decode(plain);
}

const algorithm = (iv: BufferSource, context: string) => ({
  name: "AES-GCM",
  iv,
  additionalData: new TextEncoder().encode(context),
});

const importKey = (keyBase64: string, use: "encrypt" | "decrypt"): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytesOf(keyBase64), "AES-GCM", false, [use]);

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

function base64Of(bytes: Uint8Array): string {
  let text = "";
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}
