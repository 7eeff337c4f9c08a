import { redactAddresses } from "../../shared/reply/redact.ts";
import { GREETING_MAX_CHARS, TRANSCRIPT_LINE_MAX_CHARS } from "../limits.ts";
import type { Flight } from "./dialogue-types.ts";
import type { Reply } from "./reply-parser.ts";
import type { Question } from "./visit.ts";

/** What was said on a connection before anybody was asked about: banner, EHLO, STARTTLS. */
export class Greeting {
  #said = "";

  add(direction: ">" | "<", text: string): void {
    if (this.#said.length >= GREETING_MAX_CHARS) return;
    // A line may come in pieces: only what begins a line is marked.
    const begins = this.#said === "" || this.#said.endsWith("\n");
    const marked = text.slice(0, GREETING_MAX_CHARS).replace(/\n(?!$)/g, `\n${direction} `);
    this.#said += begins ? `${direction} ${marked}` : marked;
  }

  lines(): string[] {
    return this.#said.trimEnd().split(/\r?\n/).map(line);
  }
}

const line = (text: string): string => redactAddresses(text).slice(0, TRANSCRIPT_LINE_MAX_CHARS);

const linesOf = ({ code, text }: Reply): string[] => text.split("\n").map((part) => line(`< ${code} ${part}`));

/**
 * The part of a dialogue that is about one recipient: nobody else's address or answer is in it, whoever else was asked
 * on the same connection. Addresses are taken out.
 */
export function exchangeOf(greeting: Greeting, { opened, refused, sender }: Flight, asked: Question): string[] {
  const answer = refused ?? opened ?? null;
  return [
    ...greeting.lines(),
    sender === "" ? "> MAIL FROM:<>" : "> MAIL FROM:<[address]>",
    ...(answer === null ? [] : linesOf(answer)),
    ...(refused === null ? ["> RCPT TO:<[address]>"] : []),
    ...(asked.reply === null || refused !== null ? [] : linesOf(asked.reply)),
  ];
}

/** What is to be told of a question: its exchange, and what befell it when it got no answer. */
export function tellQuestion({ lines, trouble }: Question): string[] {
  if (trouble === null) return lines ?? [];
  if (!("stage" in trouble)) return [...(lines ?? []), `* ${trouble.cause}`];
  const { cause, stage, detail, reply } = trouble;
  const said = reply === null || (lines !== null && lines.length > 0) ? [] : linesOf(reply);
  return [...(lines ?? []), ...said, line(`* ${cause} at ${stage}${detail === "" ? "" : `: ${detail}`}`)];
}
