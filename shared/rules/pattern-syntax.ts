import { err, ok, type Result } from "../result.ts";
import { RULE_LIMITS } from "./limits.ts";

/** Inclusive ranges of code points. */
export type Ranges = readonly (readonly [number, number])[];

/** A pattern as read. Groups only group; nothing is captured. */
export type Node =
  | { readonly kind: "set"; readonly ranges: Ranges; readonly negated: boolean }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "choice"; readonly items: readonly Node[] }
  | { readonly kind: "repeat"; readonly item: Node; readonly min: number; readonly max: number | null };

/** What is wrong, with its place in characters. */
class PatternFault extends Error {}

const CLASSES: Readonly<Record<string, Ranges>> = {
  d: [[0x30, 0x39]],
  w: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x5f, 0x5f],
    [0x61, 0x7a],
  ],
  s: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
};

/**
 * Reads a pattern: literals, `.`, `[a-z]`, `[^a-z]`, `\d \w \s` and their capitals, escaped punctuation, `(...)`,
 * `(?:...)`, `|`, `* + ? {2} {2,} {2,5}`, `^` and `$`. Look-around and back-references do not exist here: they are what
 * makes other engines slow.
 * @returns the tree, or a sentence for people.
 */
export function readPattern(pattern: string): Result<Node, string> {
  const characters = Array.from(pattern);
  if (characters.length === 0) return err("The pattern is empty.");
  if (characters.length > RULE_LIMITS.PATTERN_CHARACTERS) {
    return err(`The pattern is longer than ${RULE_LIMITS.PATTERN_CHARACTERS} characters.`);
  }
  try {
    return ok(new Reader(characters).whole());
  } catch (fault) {
    if (fault instanceof PatternFault) return err(fault.message);
    throw fault;
  }
}

class Reader {
  readonly #text: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(text: readonly string[]) {
    this.#text = text;
  }

  whole(): Node {
    const node = this.#choice();
    if (this.#at < this.#text.length) this.#fail("there is a ) without its (");
    return node;
  }

  #fail(what: string): never {
    throw new PatternFault(`At character ${this.#at + 1}: ${what}.`);
  }

  #choice(): Node {
    const items = [this.#sequence()];
    while (this.#take("|")) items.push(this.#sequence());
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: "choice", items };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (this.#at < this.#text.length && this.#peek() !== "|" && this.#peek() !== ")") {
      items.push(this.#repetition(this.#atom()));
    }
    return { kind: "sequence", items };
  }

  #repetition(item: Node): Node {
    let node = item;
    for (let times = 0; ; times++) {
      const bounds = this.#bounds();
      if (bounds === null) return node;
      if (times > 0) this.#fail("a repetition cannot be repeated; use a group");
      if (item.kind === "start" || item.kind === "end") this.#fail("^ and $ cannot be repeated");
      // A lazy `?` changes what is captured, and nothing is captured here.
      this.#take("?");
      node = { kind: "repeat", item, ...bounds };
    }
  }

  #bounds(): { min: number; max: number | null } | null {
    if (this.#take("*")) return { min: 0, max: null };
    if (this.#take("+")) return { min: 1, max: null };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (this.#peek() !== "{") return null;
    const close = this.#text.indexOf("}", this.#at);
    const inside = close < 0 ? "" : this.#text.slice(this.#at + 1, close).join("");
    const found = /^(\d{1,3})(?:(,)(\d{1,3})?)?$/.exec(inside);
    if (found === null) this.#fail("a repetition is written {2}, {2,} or {2,5}; a brace itself is written \\{");
    const min = Number(found?.[1]);
    const max = found?.[2] === undefined ? min : found[3] === undefined ? null : Number(found[3]);
    if (max !== null && max < min) this.#fail("the larger bound comes second");
    this.#at = close + 1;
    return { min, max };
  }

  #atom(): Node {
    const c = this.#next();
    switch (c) {
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case ".":
        return { kind: "set", ranges: [], negated: true };
      case "(":
        return this.#group();
      case "[":
        return this.#set();
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
      case "{":
        this.#at--;
        return this.#fail(`there is nothing before ${c} to repeat; the character itself is written \\${c}`);
      default:
        return { kind: "set", ranges: [point(c)], negated: false };
    }
  }

  #group(): Node {
    if (++this.#depth > RULE_LIMITS.PATTERN_DEPTH) this.#fail("groups are nested too deep");
    if (this.#take("?") && !this.#take(":")) this.#fail("look-around and named groups are not supported; use (?:...)");
    const node = this.#choice();
    if (!this.#take(")")) this.#fail("there is a ( without its )");
    this.#depth--;
    return node;
  }

  #escape(): Node {
    const c = this.#next("a \\ cannot end the pattern");
    const ranges = CLASSES[c.toLowerCase()];
    if (ranges !== undefined) return { kind: "set", ranges, negated: c !== c.toLowerCase() };
    return { kind: "set", ranges: [point(this.#literal(c))], negated: false };
  }

  /** A letter or digit behind a backslash means something else in every dialect: refused rather than guessed. */
  #literal(c: string): string {
    if (/[0-9A-Za-z]/.test(c)) this.#fail(`\\${c} is not supported`);
    return c;
  }

  #set(): Node {
    const negated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    for (let first = true; ; first = false) {
      const c = this.#next("there is a [ without its ]");
      if (c === "]" && !first) return { kind: "set", ranges, negated };
      const klass = c === "\\" ? CLASSES[this.#peek()] : undefined;
      if (klass !== undefined) {
        this.#at++;
        ranges.push(...klass);
        continue;
      }
      const from = point(c === "\\" ? this.#literal(this.#next()) : c)[0];
      ranges.push([from, this.#rangeEnd(from)]);
    }
  }

  #rangeEnd(from: number): number {
    if (this.#peek() !== "-" || this.#text[this.#at + 1] === "]") return from;
    this.#at++;
    const c = this.#next("there is a [ without its ]");
    const [to] = point(c === "\\" ? this.#literal(this.#next()) : c);
    if (to < from) this.#fail("a range runs from the smaller to the larger character");
    return to;
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #take(c: string): boolean {
    if (this.#peek() !== c) return false;
    this.#at++;
    return true;
  }

  #next(complaint = "the pattern ends too early"): string {
    const c = this.#text[this.#at];
    if (c === undefined) this.#fail(complaint);
    this.#at++;
    return c ?? "";
  }
}

function point(c: string): readonly [number, number] {
  const code = c.codePointAt(0) ?? 0;
  return [code, code];
}
