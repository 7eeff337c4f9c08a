/** Shortest local part, in characters, of which a guess is worth anything. */
const SHORTEST = 9;

/** Pairs of consonants and vowels decide: this share of letters must be vowels in anything pronounceable. */
const FEWEST_VOWELS = 0.18;

const VOWELS = new Uint8Array(128);
for (const c of "aeiouy") VOWELS[c.charCodeAt(0)] = 1;

/**
 * Whether a local part (lower case, without tag) looks machine-made: long, and either mixing letters and
 * digits many times over or unpronounceable. Separators mean that a person or a pattern made it.
 */
export function looksRandom(local: string): boolean {
  if (local.length < SHORTEST) return false;
  let digits = 0;
  // How often letters change to digits and back: `a1b2c3` 5, `anna1987` 1.
  let switches = 0;
  let before = isDigit(local.charCodeAt(0));
  for (let i = 0; i < local.length; i++) {
    const unit = local.charCodeAt(i);
    const digit = isDigit(unit);
    if (!digit && (unit < 0x61 || unit > 0x7a)) return false;
    if (digit) digits++;
    if (digit !== before) switches++;
    before = digit;
  }
  if (digits === local.length) return false; // telephone and customer numbers
  return switches >= 4 || (unpronounceable(local) && longestConsonantRun(local) >= 5);
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function unpronounceable(local: string): boolean {
  let vowels = 0;
  let letters = 0;
  for (let i = 0; i < local.length; i++) {
    const unit = local.charCodeAt(i);
    if (isDigit(unit)) continue;
    letters++;
    if (VOWELS[unit] === 1) vowels++;
  }
  return letters >= SHORTEST - 1 && vowels / letters < FEWEST_VOWELS;
}

function longestConsonantRun(local: string): number {
  let run = 0;
  let longest = 0;
  for (let i = 0; i < local.length; i++) {
    const unit = local.charCodeAt(i);
    run = VOWELS[unit] === 1 || isDigit(unit) ? 0 : run + 1;
    if (run > longest) longest = run;
  }
  return longest;
}
