import { ALPHABET, BUCKET_BITS, hashOf, PAIR_BITS } from "../../shared/lists/hash-set.ts";

/** Writes a set for shared/lists/hash-set.ts. Order and repetition of the members do not matter. */
export function encodeHashSet(
  members: Iterable<string>,
  lowBits: number,
): { size: number; lowBits: number; data: string } {
  const buckets = new Map<number, Set<number>>();
  for (const member of members) {
    const { bucket, low } = hashOf(member, lowBits);
    const lows = buckets.get(bucket) ?? new Set();
    buckets.set(bucket, lows.add(low));
  }
  const bits = new BitWriter();
  let size = 0;
  for (let bucket = 0; bucket < 1 << BUCKET_BITS; bucket++) {
    const count = buckets.get(bucket)?.size ?? 0;
    for (let i = 0; i < count; i++) bits.write(1, 1);
    bits.write(0, 1);
    size += count;
  }
  for (let bucket = 0; bucket < 1 << BUCKET_BITS; bucket++) {
    for (const low of [...(buckets.get(bucket) ?? [])].sort((a, b) => a - b)) bits.write(low, lowBits);
  }
  return { size, lowBits, data: bits.text() };
}

/** Collects bits, most significant first, as base-91 pairs. */
class BitWriter {
  #text: string[] = [];
  #held = 0;
  #heldBits = 0;

  write(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) {
      this.#held = this.#held * 2 + (Math.floor(value / 2 ** bit) % 2);
      if (++this.#heldBits === PAIR_BITS) this.#flush();
    }
  }

  text(): string {
    while (this.#heldBits > 0) this.write(0, 1);
    return this.#text.join("");
  }

  #flush(): void {
    this.#text.push(ALPHABET.charAt(Math.floor(this.#held / 91)), ALPHABET.charAt(this.#held % 91));
    this.#held = 0;
    this.#heldBits = 0;
  }
}
