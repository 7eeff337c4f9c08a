/**
 * A read-only set of ASCII strings in very little room. Each member is kept as a 48-bit hash or a little less,
 * Elias-Fano coded: the top 18 bits as bucket sizes in unary, the others verbatim, written in base 91.
 * A string outside the set is mistaken for a member with probability size / 2^bits.
 */
export type HashSet = {
  /** First index in `low` of each of the 2^18 buckets, and the end. */
  readonly starts: Uint32Array;
  readonly low: Uint32Array;
  readonly lowBits: number;
};

/** Bits of a hash that choose its bucket. */
export const BUCKET_BITS = 18;

/** All printable ASCII that needs no escape in a JavaScript string, less two that look bad in diffs. */
export const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&()*+,-./:;<=>?@[]^_`{|}~";

/** Bits in two characters of the alphabet: 91 * 91 > 2^13. */
export const PAIR_BITS = 13;

/** One running hash. Feed characters from the last to the first, so that every suffix is met on the way. */
export type Hash = { a: number; b: number };

const SEED_A = 0x9e3779b9;
const SEED_B = 0x85ebca6b;

/** Bucket and low part of the hash of a whole string. */
export function hashOf(text: string, lowBits: number): { bucket: number; low: number } {
  let a = SEED_A;
  let b = SEED_B;
  for (let i = text.length - 1; i >= 0; i--) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  const mixed = finish(a, b);
  const other = finish(b, mixed);
  return { bucket: mixed >>> (32 - BUCKET_BITS), low: other >>> (32 - lowBits) };
}

/** Spreads both lanes over all 32 bits. */
function finish(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 16) ^ Math.imul(b, 0x2545f491), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ (b >>> 15), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function contains(set: HashSet, a: number, b: number): boolean {
  const mixed = finish(a, b);
  const bucket = mixed >>> (32 - BUCKET_BITS);
  const end = set.starts[bucket + 1] ?? 0;
  let i = set.starts[bucket] ?? 0;
  if (i === end) return false;
  const low = finish(b, mixed) >>> (32 - set.lowBits);
  for (; i < end; i++) if (set.low[i] === low) return true;
  return false;
}

/** Whether `text` is in the set. */
export function hasExact(set: HashSet, text: string): boolean {
  let a = SEED_A;
  let b = SEED_B;
  for (let i = text.length - 1; i >= 0; i--) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  return contains(set, a, b);
}

/** Marks a member that does not stand for the names below it: it is kept as `=name`. */
export const EXACT_MARK = "=";

/**
 * Whether a domain or one of its parents is in the set, or the domain itself as an exact member.
 * One pass from the end, since the hash of every suffix is met on the way.
 */
export function hasDomainOrParent(set: HashSet, domain: string): boolean {
  let a = SEED_A;
  let b = SEED_B;
  let dots = 0;
  for (let i = domain.length - 1; i >= 0; i--) {
    const unit = domain.charCodeAt(i);
    if (unit === 0x2e && ++dots > 1 && contains(set, a, b)) return true;
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  if (contains(set, a, b)) return true;
  a = Math.imul(a ^ 0x3d, 0x9e3779b1);
  b = Math.imul(b ^ 0x3d, 0x5f356495);
  return contains(set, a, b);
}

/** Reads a set written by dev/lists/encode.ts. Takes a few milliseconds per hundred thousand members. */
export function decodeHashSet(coded: { size: number; lowBits: number; data: string }): HashSet {
  const bits = new BitReader(coded.data);
  const buckets = 1 << BUCKET_BITS;
  const starts = new Uint32Array(buckets + 1);
  let member = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    starts[bucket] = member;
    while (bits.read(1) === 1) member++;
  }
  starts[buckets] = member;
  const low = new Uint32Array(coded.size);
  for (let i = 0; i < coded.size; i++) low[i] = bits.read(coded.lowBits);
  return { starts, low, lowBits: coded.lowBits };
}

/** Reads bits, most significant first, out of base-91 pairs. */
class BitReader {
  readonly #data: string;
  readonly #values: Uint8Array;
  #next = 0;
  #held = 0;
  #heldBits = 0;

  constructor(data: string) {
    this.#data = data;
    this.#values = new Uint8Array(128);
    for (let i = 0; i < ALPHABET.length; i++) this.#values[ALPHABET.charCodeAt(i)] = i;
  }

  read(count: number): number {
    let value = 0;
    let wanted = count;
    while (wanted > 0) {
      if (this.#heldBits === 0) this.#refill();
      const taken = Math.min(wanted, this.#heldBits);
      const rest = this.#heldBits - taken;
      value = value * 2 ** taken + (this.#held >>> rest);
      this.#held &= (1 << rest) - 1;
      this.#heldBits = rest;
      wanted -= taken;
    }
    return value;
  }

  #refill(): void {
    const first = this.#values[this.#data.charCodeAt(this.#next)] ?? 0;
    const second = this.#values[this.#data.charCodeAt(this.#next + 1)] ?? 0;
    this.#next += 2;
    this.#held = first * 91 + second;
    this.#heldBits = PAIR_BITS;
  }
}
