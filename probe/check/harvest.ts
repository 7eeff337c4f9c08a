import { recipientAnswer } from "../../shared/verdict/reasons.ts";
import type { Subject } from "./subject.ts";

/** Guesses at one person's address that make a list a harvest (MAIL.md 7, E4). */
const PERMUTATIONS_MAX = 8;
/** Consecutive numbers behind one stem that no real list has. */
const SEQUENCE_MAX = 50;

/** Letters behind one stem that make it complete ("ma" with "maa", "mab" ... "maz"), and complete stems that no list has. */
const COMPLETE_LETTERS = 24;
const COMPLETE_STEMS_MAX = 2;
/** Neighbours of which nearly all are close, and many only lengthen the word before ("adam", "adams", "adamson"). */
const DICTIONARY_STEPS = 50;
const CLOSE_MIN = 0.9;
const LENGTHENED_MIN = 0.3;

/** Answers after which a domain's share of unknown users is judged, and the share at which it is a harvest. */
const STRANGERS_SAMPLE = 50;
const STRANGERS_MAX = 0.7;

/** Recipients of one domain that are asked before the next are: what a harvest gets at most. */
export const PORTION = STRANGERS_SAMPLE;

/**
 * Whether the local parts asked about at one domain look guessed rather than collected. Order proves nothing, because
 * real lists come sorted; what counts is how much of all that is possible they cover.
 * @param free the domain gives mailboxes to everybody: there a large real list is as dense as a dictionary
 */
export function looksHarvested(locals: readonly string[], free = false): boolean {
  const lower = new Set(locals.map((local) => local.toLowerCase()));
  if (lower.size < PERMUTATIONS_MAX) return false;
  return (
    longestSequence(lower) >= SEQUENCE_MAX ||
    mostPermutations(lower) >= PERMUTATIONS_MAX ||
    completeStems(lower) >= COMPLETE_STEMS_MAX ||
    (!free && hasDictionary(lower))
  );
}

/** MAIL.md 7, E4: so many strangers among those who were answered for that the list was made up. */
export function isMostlyStrangers(subjects: readonly Pick<Subject, "findings">[]): boolean {
  let answers = 0;
  let strangers = 0;
  for (const { findings } of subjects) {
    const answer = recipientAnswer(findings);
    if (answer === null) continue;
    answers += 1;
    if (answer.reason === "mailbox_not_found") strangers += 1;
  }
  return answers >= STRANGERS_SAMPLE && strangers > answers * STRANGERS_MAX;
}

/** How many stems have (nearly) every letter behind them; single letters, whose stem is nothing, count for all. */
function completeStems(locals: ReadonlySet<string>): number {
  const letters = new Map<string, number>();
  for (const local of locals) {
    if (!/^[a-z]{1,6}$/.test(local)) continue;
    const stem = local.slice(0, -1);
    letters.set(stem, (letters.get(stem) ?? 0) + 1);
  }
  let complete = 0;
  for (const [stem, count] of letters) {
    if (count >= COMPLETE_LETTERS) complete += stem === "" ? COMPLETE_STEMS_MAX : 1;
  }
  return complete;
}

/**
 * Whether some neighbours in the alphabet follow each other as closely as in a dictionary, and grow out of each other
 * as words and names do there. The staff of even a large organisation has close neighbours, but few of the latter.
 */
function hasDictionary(locals: ReadonlySet<string>): boolean {
  if (locals.size <= DICTIONARY_STEPS) return false;
  const words = [...locals].filter((local) => /^[a-z]{2,}$/.test(local)).sort();
  const steps = words.slice(1).map((word, i) => stepFrom(words[i] ?? "", word));
  let close = 0;
  let lengthened = 0;
  for (const [i, step] of steps.entries()) {
    const gone = steps[i - DICTIONARY_STEPS];
    close += step.close - (gone?.close ?? 0);
    lengthened += step.lengthened - (gone?.lengthened ?? 0);
    if (close >= DICTIONARY_STEPS * CLOSE_MIN && lengthened >= DICTIONARY_STEPS * LENGTHENED_MIN) return true;
  }
  return false;
}

/** One, or nothing, for each of two properties of a word and the one before it. */
function stepFrom(before: string, word: string): { readonly close: number; readonly lengthened: number } {
  const close = commonStart(before, word) >= Math.min(3, before.length) ? 1 : 0;
  return { close, lengthened: word.startsWith(before) ? 1 : 0 };
}

function commonStart(one: string, other: string): number {
  let same = 0;
  while (same < one.length && one[same] === other[same]) same += 1;
  return same;
}

function longestSequence(locals: ReadonlySet<string>): number {
  const numbers = new Map<string, Set<number>>();
  for (const local of locals) {
    const match = /^(.*?)(\d{1,9})$/.exec(local);
    if (match === null) continue;
    const stem = match[1] ?? "";
    const seen = numbers.get(stem) ?? new Set<number>();
    seen.add(Number(match[2]));
    numbers.set(stem, seen);
  }
  let longest = 0;
  for (const seen of numbers.values()) {
    for (const number of seen) {
      if (seen.has(number - 1)) continue;
      let end = number;
      while (seen.has(end + 1)) end += 1;
      longest = Math.max(longest, end - number + 1);
    }
  }
  return longest;
}

/** Names are taken from "first.last" and the like; every usual way to write them at this domain counts. */
function mostPermutations(locals: ReadonlySet<string>): number {
  let most = 0;
  for (const local of locals) {
    const match = /^([a-z]{2,})[._-]([a-z]{2,})$/.exec(local);
    if (match === null) continue;
    const written = waysToWrite(match[1] ?? "", match[2] ?? "");
    most = Math.max(most, written.filter((way) => locals.has(way)).length);
  }
  return most;
}

function waysToWrite(first: string, last: string): readonly string[] {
  const f = first.charAt(0);
  const l = last.charAt(0);
  const pairs: readonly (readonly [string, string])[] = [
    [first, last],
    [last, first],
    [f, last],
    [last, f],
    [first, l],
    [l, first],
  ];
  return [first, last, ...pairs.flatMap(([a, b]) => ["", ".", "_", "-"].map((mark) => `${a}${mark}${b}`))];
}
