import { isFreeDomain, providerOfDomain } from "../lists/lists.ts";
import { areNeighbours, typingDistance } from "./keyboard.ts";
import { REAL_NEIGHBOURS, TYPOSQUATS } from "./typo-neighbours.ts";
import { BRANDS, REAL_TLDS, TARGETS, TLD_SLIPS } from "./typo-targets.ts";

/** A domain that was probably meant. */
export type DomainSuggestion = {
  domain: string;
  /** The given domain is a known typosquat. */
  known: boolean;
};

/** The most that any name may be off, in slips (keyboard.ts). */
const MOST = 1.5;

/** One slip with an explanation: a neighbouring key, a swap, a letter missed or doubled. */
const ONE_SLIP = 0.85;

/** A swap or a doubled letter. */
const SWAP = 0.6;

/** Short names so widely used that a neighbouring key in their midst is likelier than somebody's own domain. */
const GREAT_SHORT_NAMES: ReadonlySet<string> = new Set(["aol", "msn", "gmx", "web", "att", "cox"]);

const firstLabel = (domain: string): string => domain.slice(0, domain.indexOf("."));

/** Letters of a domain as bits: an edit changes two bits at most. */
function letters(domain: string): number {
  let mask = 0;
  for (let i = 0; i < domain.length; i++) {
    const unit = domain.charCodeAt(i);
    if (unit >= 0x61 && unit <= 0x7a) mask |= 1 << (unit - 0x61);
    else if (unit >= 0x30 && unit <= 0x39) mask |= 1 << 26;
    else if (unit === 0x2d) mask |= 1 << 27;
  }
  return mask;
}

/** Targets of about one length, as columns, with what sorts most of them out quickly. */
type Candidates = {
  readonly domains: readonly string[];
  readonly masks: Int32Array;
  readonly nameMasks: Int32Array;
  readonly mostBits: Int32Array;
};

/** Targets whose length is at most two off, by the length of what was typed. */
const CANDIDATES: readonly Candidates[] = Array.from({ length: 64 }, (_, length) => {
  const domains = TARGETS.filter((target) => Math.abs(target.length - length) <= 2);
  const names = domains.map(firstLabel);
  return {
    domains,
    masks: Int32Array.from(domains, letters),
    nameMasks: Int32Array.from(names, letters),
    // A slip changes two letters at most; only behind long names and brands are two slips forgiven (allowance).
    mostBits: Int32Array.from(names, (name) => (name.length >= 6 || BRANDS.has(name) ? 4 : 2)),
  };
});

const LONGEST = Math.max(...TARGETS.map((target) => target.length)) + 2;
const KNOWN = new Set(TARGETS);

/**
 * The popular domain that a mistyped one (lower-case A-labels) was probably meant to be, or null. Real domains are
 * left alone: providers' own, their known neighbours, and whatever is more than a slip or two away.
 */
export function suggestDomain(domain: string): DomainSuggestion | null {
  if (domain.length > LONGEST && !hasTldSlip(domain)) return null;
  if (KNOWN.has(domain) || providerOfDomain(domain) !== null || REAL_NEIGHBOURS.has(domain)) return null;
  const target = rightTld(domain) ?? nearest(domain) ?? otherTld(domain) ?? repairTld(domain);
  if (target === null || target === domain) return null;
  const known = TYPOSQUATS.has(domain);
  // Lists of free providers hold mistyped names of the great ones, but also small providers with names much alike.
  const doubtful = !known && isFreeDomain(domain) && typingDistance(domain, target, ONE_SLIP) > ONE_SLIP;
  return doubtful ? null : { domain: target, known };
}

/** The target at the least distance that its length allows. */
function nearest(domain: string): string | null {
  const mask = letters(domain);
  const nameMask = letters(firstLabel(domain));
  let found: string | null = null;
  let least = MOST + 0.01;
  const candidates = CANDIDATES[domain.length];
  if (candidates === undefined) return null;
  const { domains, masks, nameMasks, mostBits } = candidates;
  for (let i = 0; i < domains.length; i++) {
    if (bitCount(nameMask ^ (nameMasks[i] ?? 0)) > (mostBits[i] ?? 0) || bitCount(mask ^ (masks[i] ?? 0)) > 4) continue;
    const target = domains[i] ?? "";
    if (!beginsAlike(domain, target)) continue;
    if (mostBits[i] === 2 && !isOneSlip(domain, target)) continue;
    const distance = typingDistance(domain, target, least);
    if (distance < least && distance <= allowance(domain, target)) {
      found = target;
      least = distance;
    }
  }
  return found;
}

/** Whether the first letter is right, a neighbouring key, or moved by one place: all else is beyond any allowance. */
function beginsAlike(typed: string, target: string): boolean {
  const first = target.charCodeAt(0);
  const given = typed.charCodeAt(0);
  if (given === first || typed.charCodeAt(1) === first || given === target.charCodeAt(1)) return true;
  return areNeighbours(given, first);
}

/** Whether two texts differ in one place only, by at most two characters: a cheap look before the dear one. */
function isOneSlip(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a.charCodeAt(start) === b.charCodeAt(start)) start++;
  let end = 0;
  while (end < shorter - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++;
  return Math.max(a.length, b.length) - start - end <= 2;
}

function bitCount(bits: number): number {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * How far a typed domain may be from a target. Most short names have real neighbours everywhere, so that only
 * swaps and doublings count; behind a right name, a top-level domain that exists is somebody's own.
 */
function allowance(typed: string, target: string): number {
  const name = firstLabel(target);
  const typedName = firstLabel(typed);
  const free = BRANDS.has(name) || !isRealSuffix(typed);
  // live.cco.uk: nobody keeps a host of that name below a second-level name like cco.
  if (typedName === name) {
    if (!isRealSuffix(typed) || (labels(typed) > 2 && labels(target) > 2)) return MOST;
    // Nobody else has a brand or a name as long, but more than a slip away is another country: see otherTld.
    return free || name.length >= 7 ? ONE_SLIP : 0;
  }
  const sameSuffix = typed.endsWith(target.slice(name.length));
  if (!sameSuffix && !free) return 0;
  const first = name.charCodeAt(0);
  if (name.length <= 3) {
    if (!sameSuffix) return 1.1;
    return GREAT_SHORT_NAMES.has(name) && typedName.length >= 3 && typedName.charCodeAt(0) === first ? ONE_SLIP : SWAP;
  }
  // A wrong first letter is rare, and makes another word: nail, sail, rail.
  if (typedName.charCodeAt(0) !== first && typedName.charCodeAt(1) !== first)
    return name.length === 4 ? 0.75 : ONE_SLIP;
  if (BRANDS.has(name) || name.length >= 7) return MOST;
  return name.length === 6 ? 1 : ONE_SLIP;
}

/** Whether a domain's last label is a top-level domain that stands for itself, not for a slip in `com`. */
const isRealSuffix = (domain: string): boolean => REAL_TLDS.has(lastLabel(domain));

/** `live.cm` for `live.com`: a slip in the top-level domain behind a name that is otherwise right. */
function rightTld(domain: string): string | null {
  const tld = lastLabel(domain);
  const right = tld === "cm" || tld === "co" || tld === "om" ? "com" : TLD_SLIPS.get(tld);
  if (right === undefined) return null;
  const meant = domain.slice(0, domain.length - tld.length) + right;
  return KNOWN.has(meant) ? meant : null;
}

/** `gmail.fr` for `gmail.com`: a brand's name under a top-level domain where it has no mailboxes. */
function otherTld(domain: string): string | null {
  const name = firstLabel(domain);
  if (!BRANDS.has(name) || domain.length > name.length + 7) return null;
  return TARGETS.find((target) => firstLabel(target) === name) ?? null;
}

const hasTldSlip = (domain: string): boolean => TLD_SLIPS.has(lastLabel(domain));

/** `company.con` for `company.com`: no such top-level domain exists. */
function repairTld(domain: string): string | null {
  const tld = lastLabel(domain);
  const right = TLD_SLIPS.get(tld);
  return right === undefined ? null : domain.slice(0, domain.length - tld.length) + right;
}

const labels = (domain: string): number => domain.split(".").length;

const lastLabel = (domain: string): string => domain.slice(domain.lastIndexOf(".") + 1);
