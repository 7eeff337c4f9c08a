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

/** Reads a set written by dev/lists/encode.ts: a few milliseconds per hundred thousand members. */
export function decodeHashSet(coded: { size: number; lowBits: number; data: string }): HashSet {
  const words = toWords(coded.data);
  const buckets = 1 << BUCKET_BITS;
  const starts = new Uint32Array(buckets + 1);
  let member = 0;
  let bit = 0;
  for (let bucket = 0; bucket < buckets; bit++) {
    if ((((words[bit >>> 5] ?? 0) << (bit & 31)) & 0x80000000) !== 0) member++;
    else starts[++bucket] = member;
  }
  const low = new Uint32Array(coded.size);
  for (let i = 0; i < coded.size; i++, bit += coded.lowBits) {
    const word = bit >>> 5;
    const offset = bit & 31;
    const high = (words[word] ?? 0) << offset;
    // A shift by 32 is none in JavaScript, so an aligned read must not look at the next word.
    const both = offset === 0 ? high : high | ((words[word + 1] ?? 0) >>> (32 - offset));
    low[i] = both >>> (32 - coded.lowBits);
  }
  return { starts, low, lowBits: coded.lowBits };
}

/** Turns base-91 pairs of 13 bits into 32-bit words, first bit highest. */
function toWords(data: string): Uint32Array {
  const values = new Uint8Array(128);
  for (let i = 0; i < ALPHABET.length; i++) values[ALPHABET.charCodeAt(i)] = i;
  const words = new Uint32Array(Math.ceil(((data.length / 2) * PAIR_BITS) / 32) + 1);
  let at = 0;
  let held = 0;
  let free = 32;
  for (let i = 0; i < data.length; i += 2) {
    const pair = (values[data.charCodeAt(i)] ?? 0) * 91 + (values[data.charCodeAt(i + 1)] ?? 0);
    if (free > PAIR_BITS) {
      free -= PAIR_BITS;
      held |= pair << free;
      continue;
    }
    const over = PAIR_BITS - free;
    words[at++] = held | (pair >>> over);
    free = 32 - over;
    held = over === 0 ? 0 : pair << free;
  }
  words[at] = held;
  return words;
}
