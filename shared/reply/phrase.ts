import { fold } from "./normalise.ts";

/** How far "~" reaches: an address, a name or a few words. */
const NEAR_CHARS = 36;
/** How far "%" reaches: "no such virtual user", "invalid final delivery user". */
const CLOSE_CHARS = 18;

/** Stand in a prepared text for its two ends: control characters, which no reply needs. */
const START = "\u0002";
const END = "\u0003";

type Part = { readonly text: string; readonly gap: number; readonly withinClause: boolean };

/** A phrase made ready: its parts in order, each at most `gap` characters behind the last, and its sieve marks. */
export type Phrase = { readonly parts: readonly Part[]; readonly marks: readonly number[] };

/** A text made ready: itself between marks for its ends, which trigrams occur in it, and its bare predicate. */
export type SearchText = { readonly text: string; readonly sieve: Uint8Array; readonly predicate: string };

// Most of a thousand phrases are not in a reply: a look at two trigrams of each says so for a few nanoseconds.
const SIEVE_SIZE = 4096;

const mark = (text: string, at: number): number =>
  (text.charCodeAt(at) * 961 + text.charCodeAt(at + 1) * 31 + text.charCodeAt(at + 2)) & (SIEVE_SIZE - 1);

/** Takes a phrase of the table apart: "%" is close, "~" near, "*" anywhere behind; "^" and "$" are the text's ends. */
export const compilePhrase = (phrase: string): Phrase => {
  const parts: Part[] = [];
  const marks: number[] = [];
  let gap = Number.POSITIVE_INFINITY;
  let withinClause = false;
  const anchored = fold(phrase).replace(/^\^/, START).replace(/\$$/, END);
  for (const piece of anchored.split(/([*~%])/)) {
    withinClause = piece === "%" || (withinClause && !/[*~%]/.test(piece));
    if (piece === "*") gap = Number.POSITIVE_INFINITY;
    else if (piece === "~") gap = NEAR_CHARS;
    else if (piece === "%") gap = CLOSE_CHARS;
    else {
      parts.push({ text: piece, gap, withinClause });
      if (piece.length >= 3) marks.push(mark(piece, 0), mark(piece, piece.length - 3));
    }
  }
  return { parts, marks };
};

/** Prepares a folded text for many searches. */
export const searchText = (folded: string): SearchText => {
  const text = `${START}${folded}${END}`;
  const sieve = new Uint8Array(SIEVE_SIZE);
  for (let at = 0; at + 3 <= text.length; at++) sieve[mark(text, at)] = 1;
  return { text, sieve, predicate: predicateOf(folded) };
};

/** Spellings of an address in front of what is said about it: `<@>: `, `@... `, `<@>, `. */
const SUBJECT = /^(?:<[^<>]{0,80}>|@)[:,. ]*/;

/** The text without an address at its head and without what ends it: what a bare "does not exist" is compared with. */
const predicateOf = (folded: string): string => {
  let end = folded.length;
  while (end > 0 && ".! =".includes(folded.charAt(end - 1))) end -= 1;
  return folded.slice(0, end).replace(SUBJECT, "");
};

const CLAUSE_ENDS = ".,;:!?()[]";

const endsClause = (text: string, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (CLAUSE_ENDS.includes(text.charAt(at))) return true;
  return false;
};

const NOT_AT_ALL = -1;
const FOUND = -2;

/**
 * Whether the parts from the second on follow `from`, each within its gap: FOUND, NOT_AT_ALL, or the earliest place
 * at which the first part would have to end for another try to succeed.
 */
const tail = (parts: readonly Part[], text: string, from: number): number => {
  let end = from;
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i];
    if (part === undefined) return NOT_AT_ALL;
    const at = text.indexOf(part.text, end);
    if (at < 0) return NOT_AT_ALL;
    if (at - end > part.gap) return i === 1 ? at - part.gap : from + 1;
    if (part.withinClause && endsClause(text, end, at)) return from + 1;
    end = at + part.text.length;
  }
  return FOUND;
};

/** Whether the phrase occurs. Plain searches that never go back: close to linear whatever the text. */
export const occurs = ({ parts, marks }: Phrase, { text, sieve }: SearchText): boolean => {
  for (const place of marks) if (sieve[place] === 0) return false;
  const first = parts[0]?.text ?? "";
  if (parts.length === 1) return text.includes(first);
  let at = text.indexOf(first);
  while (at >= 0) {
    const next = tail(parts, text, at + first.length);
    if (next === FOUND) return true;
    if (next === NOT_AT_ALL) return false;
    at = text.indexOf(first, Math.max(at + 1, next - first.length));
  }
  return false;
};
