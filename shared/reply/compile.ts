import { fold } from "./normalise.ts";
import { compilePhrase, occurs, type Phrase, type SearchText } from "./phrase.ts";
import type { ReplyRow, ReplyStage } from "./types.ts";

type Span = { readonly subject: number; readonly from: number; readonly to: number };

/** A row made ready for matching. */
export type CompiledRow = {
  readonly row: ReplyRow;
  readonly spans: readonly Span[] | null;
  readonly text: readonly Phrase[] | null;
  readonly not: readonly Phrase[] | null;
  readonly alone: ReadonlySet<string> | null;
};

/** What a row is compared with. `subject` and `detail` are -1 without an enhanced code. */
export type Subject = {
  readonly code: number;
  readonly subject: number;
  readonly detail: number;
  readonly stage: ReplyStage;
  readonly provider: string | null;
  readonly text: SearchText;
};

const spanOf = (pattern: string): Span => {
  if (pattern === "none") return { subject: -1, from: -1, to: -1 };
  const [subject = "", detail = ""] = pattern.split(".");
  const [from = "", to = from] = detail.split("-");
  return { subject: Number(subject), from: Number(from), to: Number(to) };
};

const phrasesOf = (phrases: readonly string[] | undefined): readonly Phrase[] | null =>
  phrases === undefined ? null : phrases.map(compilePhrase);

/** Takes a row's patterns apart once, when the module is loaded. */
export const compileRow = (row: ReplyRow): CompiledRow => ({
  row,
  spans: row.enhanced === undefined ? null : row.enhanced.map(spanOf),
  text: phrasesOf(row.text),
  not: phrasesOf(row.not),
  alone: row.alone === undefined ? null : new Set(row.alone.map(fold)),
});

const anyFound = (phrases: readonly Phrase[], text: SearchText): boolean => {
  for (const phrase of phrases) if (occurs(phrase, text)) return true;
  return false;
};

const wordsFound = (text: readonly Phrase[] | null, alone: ReadonlySet<string> | null, reply: SearchText): boolean => {
  if (text === null && alone === null) return true;
  return (text !== null && anyFound(text, reply)) || alone?.has(reply.predicate) === true;
};

const inSpans = (spans: readonly Span[], subject: number, detail: number): boolean => {
  for (const span of spans) {
    if (span.subject === subject && detail >= span.from && detail <= span.to) return true;
  }
  return false;
};

/** Whether every condition of the row holds; cheap ones first. */
export const rowMatches = (compiled: CompiledRow, reply: Subject): boolean => {
  const { row, spans, text, not, alone } = compiled;
  if (row.codes !== undefined && !row.codes.includes(reply.code)) return false;
  if (spans !== null && !inSpans(spans, reply.subject, reply.detail)) return false;
  if (row.stages !== undefined && !row.stages.includes(reply.stage)) return false;
  if (row.providers !== undefined && (reply.provider === null || !row.providers.includes(reply.provider))) return false;
  if (!wordsFound(text, alone, reply.text)) return false;
  return not === null || !anyFound(not, reply.text);
};
