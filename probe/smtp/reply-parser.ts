import { REPLY_LINE_MAX_CHARS, REPLY_LINES_MAX, REPLY_MAX_CHARS } from "../limits.ts";

/** One complete server reply. `text` is without codes, lines joined by "\n". */
export type Reply = { readonly code: number; readonly text: string };

/** Why a byte stream is no SMTP reply. */
type ReplyFault = "line_too_long" | "reply_too_long" | "not_a_reply" | "codes_differ";

export type Parsed = { readonly reply: Reply } | { readonly fault: ReplyFault };

const CR = 13;
const BLANK = 32;
const HYPHEN = 45;

/** Replies seen again and again ("250 2.1.5 Ok") become one object; refusals mostly name the recipient. */
const INTERNED_MAX = 512;

/**
 * A strict, bounded parser of RFC 5321 4.2 replies. Lenient only in what harms nobody: a bare LF ends a line, and
 * three digits alone are a complete reply. It pulls: after one reply the caller can see whether anything follows it,
 * which after STARTTLS nothing may.
 */
export class ReplyParser {
  readonly #interned = new Map<string, Parsed>();
  #last = "";
  #lastParsed: Parsed | null = null;
  #buffer = "";
  #at = 0;
  #code = 0;
  #lines: string[] = [];
  #length = 0;

  /** Takes in what arrived. */
  push(chunk: string): void {
    this.#buffer = this.#at === this.#buffer.length ? chunk : this.#buffer.slice(this.#at) + chunk;
    this.#at = 0;
  }

  /** True when something arrived that no reply has consumed yet. */
  get hasRest(): boolean {
    return this.#at < this.#buffer.length || this.#lines.length > 0;
  }

  /**
   * The next complete reply, a fault (after which the stream means nothing), or null when more is needed.
   * @param greeting a refusal may follow lines of 220: postscreen greets at once ("220-mx.example ESMTP"), then makes
   * up its mind ("521 5.7.1 Service unavailable; client blocked"). The last line's code counts (RFC 5321 4.2.1).
   */
  next(greeting = false): Parsed | null {
    for (;;) {
      const start = this.#at;
      const lf = this.#buffer.indexOf("\n", start);
      if (lf < 0) return this.#buffer.length - start > REPLY_LINE_MAX_CHARS ? { fault: "line_too_long" } : null;
      const end = lf > start && this.#buffer.charCodeAt(lf - 1) === CR ? lf - 1 : lf;
      if (end - start > REPLY_LINE_MAX_CHARS) return { fault: "line_too_long" };
      this.#at = lf + 1;
      const parsed = this.#line(start, end, greeting);
      if (parsed !== null) return parsed;
    }
  }

  /** One line: null when the reply goes on. */
  #line(start: number, end: number, greeting: boolean): Parsed | null {
    const code = codeAt(this.#buffer, start, end);
    if (code === 0) return { fault: "not_a_reply" };
    const separator = end - start === 3 ? BLANK : this.#buffer.charCodeAt(start + 3);
    if (separator !== BLANK && separator !== HYPHEN) return { fault: "not_a_reply" };
    const last = separator === BLANK;
    if (this.#lines.length === 0 && last) return this.#single(code, start, end);
    // RFC 5321 4.2.1: every line of one reply carries the same code.
    if (this.#lines.length > 0 && code !== this.#code) {
      if (!greeting || code < 400) return { fault: "codes_differ" };
      this.#lines = [];
    }
    this.#code = code;
    this.#lines.push(this.#buffer.slice(start + 4, end));
    this.#length += end - start;
    if (this.#lines.length > REPLY_LINES_MAX || this.#length > REPLY_MAX_CHARS) return { fault: "reply_too_long" };
    if (!last) return null;
    const reply = { code, text: this.#lines.join("\n") };
    this.#lines = [];
    this.#length = 0;
    return { reply };
  }

  #single(code: number, start: number, end: number): Parsed {
    if (code >= 300) return { reply: { code, text: this.#buffer.slice(start + 4, end) } };
    // The same words as just before: nothing needs to be cut out or looked up.
    if (end - start === this.#last.length && this.#buffer.startsWith(this.#last, start) && this.#lastParsed !== null) {
      return this.#lastParsed;
    }
    const line = this.#buffer.slice(start, end);
    const parsed = this.#interned.get(line) ?? this.#intern(line, code);
    this.#last = line;
    this.#lastParsed = parsed;
    return parsed;
  }

  #intern(line: string, code: number): Parsed {
    const parsed = { reply: { code, text: line.slice(4) } };
    if (this.#interned.size >= INTERNED_MAX) this.#interned.clear();
    this.#interned.set(line, parsed);
    return parsed;
  }
}

/** Three digits, the first of them 2 to 5 (1yz is not used by SMTP); 0 when there is no such code. */
function codeAt(text: string, start: number, end: number): number {
  if (end - start < 3) return 0;
  const a = text.charCodeAt(start) - 48;
  const b = text.charCodeAt(start + 1) - 48;
  const c = text.charCodeAt(start + 2) - 48;
  if (a < 2 || a > 5 || b < 0 || b > 9 || c < 0 || c > 9) return 0;
  return a * 100 + b * 10 + c;
}
