import { fold } from "./normalise.ts";
import type { ReplyRow } from "./types.ts";

type Span = { readonly subject: number; readonly from: number; readonly to: number };
type Part = { readonly text: string; readonly gap: number };
/** Parts of a phrase that have to be found one after the other, each at most `gap` characters behind the last. */
type Phrase = readonly Part[];

/** How far "~" reaches: an address, a name or a few words. */
const NEAR_CHARS = 36;

/** A row made ready for matching. */
export type CompiledRow = {
  readonly row: ReplyRow;
  readonly spans: readonly Span[] | null;
  readonly text: readonly Phrase[] | null;
  readonly not: readonly Phrase[] | null;
};

/** What a row is compared with. `subject` and `detail` are -1 without an enhanced code. */
export type Subject = {
  readonly code: number;
  readonly subject: number;
  readonly detail: number;
  readonly stage: ReplyRowStage;
  readonly provider: string | null;
  readonly text: string;
};
type ReplyRowStage = NonNullable<ReplyRow["stages"]>[number];

const spanOf = (pattern: string): Span => {
  const [subject = "", detail = ""] = pattern.split(".");
  const [from = "", to = from] = detail.split("-");
  return { subject: Number(subject), from: Number(from), to: Number(to) };
};

const phraseOf = (phrase: string): Phrase => {
  const parts: Part[] = [];
  let gap = Number.POSITIVE_INFINITY;
  for (const piece of fold(phrase).split(/([*~])/)) {
    if (piece === "*") gap = Number.POSITIVE_INFINITY;
    else if (piece === "~") gap = NEAR_CHARS;
    else parts.push({ text: piece, gap });
  }
  return parts;
};

const phrasesOf = (phrases: readonly string[] | undefined): readonly Phrase[] | null =>
  phrases === undefined ? null : phrases.map(phraseOf);

/** Takes a row's patterns apart once, when the module is loaded. */
export const compileRow = (row: ReplyRow): CompiledRow => ({
  row,
  spans: row.enhanced === undefined ? null : row.enhanced.map(spanOf),
  text: phrasesOf(row.text),
  not: phrasesOf(row.not),
});

/** Whether the parts from the second on follow `from`, each within its gap. */
const tailFound = (phrase: Phrase, text: string, from: number): boolean => {
  let end = from;
  for (let i = 1; i < phrase.length; i++) {
    const part = phrase[i];
    if (part === undefined) return false;
    const at = text.indexOf(part.text, end);
    if (at < 0 || at - end > part.gap) return false;
    end = at + part.text.length;
  }
  return true;
};

const found = (phrase: Phrase, text: string): boolean => {
  const first = phrase[0]?.text ?? "";
  for (let at = text.indexOf(first); at >= 0; at = text.indexOf(first, at + 1)) {
    if (tailFound(phrase, text, at + first.length)) return true;
  }
  return false;
};

const anyFound = (phrases: readonly Phrase[], text: string): boolean => {
  for (const phrase of phrases) if (found(phrase, text)) return true;
  return false;
};

const inSpans = (spans: readonly Span[], subject: number, detail: number): boolean => {
  for (const span of spans) {
    if (span.subject === subject && detail >= span.from && detail <= span.to) return true;
  }
  return false;
};

/** Whether every condition of the row holds; cheap ones first. */
export const rowMatches = (compiled: CompiledRow, reply: Subject): boolean => {
  const { row, spans, text, not } = compiled;
  if (row.codes !== undefined && !row.codes.includes(reply.code)) return false;
  if (spans !== null && !inSpans(spans, reply.subject, reply.detail)) return false;
  if (row.stages !== undefined && !row.stages.includes(reply.stage)) return false;
  if (row.providers !== undefined && (reply.provider === null || !row.providers.includes(reply.provider))) return false;
  if (text !== null && !anyFound(text, reply.text)) return false;
  return not === null || !anyFound(not, reply.text);
};
