const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

// One call of the system's generator serves 256 ids.
const pool = new Uint8Array(16 * 256);
let used = pool.length;

/** Sixteen random bytes as 32 hexadecimal digits: a trace id, or the random part of an id. */
export function randomHex(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let text = "";
  for (const end = used + 16; used < end; used++) text += HEX[pool[used] ?? 0];
  return text;
}

/**
 * A UUID of version 7 (RFC 9562 section 5.7): its first 48 bits are the time, which decides the partition of the
 * verdicts under it and sorts jobs by age.
 * @param nowMs epoch milliseconds
 */
export function uuidv7(nowMs: number): string {
  const time = nowMs.toString(16).padStart(12, "0");
  const random = randomHex();
  const variant = "89ab".charAt(Number.parseInt(random.charAt(0), 16) & 3);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(1, 4)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text can be an id of ours; anything else is not found without asking. */
export const isUuid = (text: string): boolean => UUID.test(text);
