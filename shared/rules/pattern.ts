import { err, ok, type Result } from "../result.ts";
import { RULE_LIMITS } from "./limits.ts";
import { type Node, type Ranges, readPattern } from "./pattern-syntax.ts";

type Instruction =
  | { readonly op: "set"; readonly ranges: Ranges; readonly negated: boolean }
  | { op: "split"; first: number; second: number }
  | { op: "jump"; to: number }
  | { readonly op: "start" }
  | { readonly op: "end" }
  | { readonly op: "match" };

/** A compiled pattern. */
export type Pattern = { readonly program: readonly Instruction[] };

/**
 * Compiles a pattern for matchesPattern. Letters match in either case.
 * @returns a sentence for people when the pattern is wrong or too large.
 */
export function compilePattern(source: string): Result<Pattern, string> {
  const tree = readPattern(source);
  if (!tree.ok) return tree;
  const size = sizeOf(tree.value) + 1;
  if (size > RULE_LIMITS.PATTERN_INSTRUCTIONS) return err("The pattern is too large: its repetitions multiply.");
  const program: Instruction[] = [];
  emit(tree.value, program);
  program.push({ op: "match" });
  return ok({ program });
}

/** Instructions of a tree, capped as soon as they are too many, so that nothing large is ever built. */
function sizeOf(node: Node): number {
  const cap = RULE_LIMITS.PATTERN_INSTRUCTIONS + 1;
  switch (node.kind) {
    case "set":
    case "start":
    case "end":
      return 1;
    case "sequence":
      return Math.min(
        cap,
        node.items.reduce((sum, item) => sum + sizeOf(item), 0),
      );
    case "choice":
      return Math.min(
        cap,
        node.items.reduce((sum, item) => sum + sizeOf(item) + 2, 0),
      );
    case "repeat":
      return Math.min(cap, (sizeOf(node.item) + 2) * Math.max(node.max ?? node.min + 1, 1));
  }
}

function emit(node: Node, out: Instruction[]): void {
  switch (node.kind) {
    case "set":
      out.push({ op: "set", ranges: foldCase(node.ranges), negated: node.negated });
      return;
    case "start":
    case "end":
      out.push({ op: node.kind });
      return;
    case "sequence":
      for (const item of node.items) emit(item, out);
      return;
    case "choice":
      emitChoice(node.items, out);
      return;
    case "repeat":
      for (let i = 0; i < node.min; i++) emit(node.item, out);
      if (node.max === null) emitStar(node.item, out);
      else for (let i = node.min; i < node.max; i++) emitOptional(node.item, out);
  }
}

function emitChoice(items: readonly Node[], out: Instruction[]): void {
  const jumps: { op: "jump"; to: number }[] = [];
  for (const [i, item] of items.entries()) {
    const split = { op: "split" as const, first: out.length + 1, second: 0 };
    const last = i === items.length - 1;
    if (!last) out.push(split);
    emit(item, out);
    if (last) break;
    const jump = { op: "jump" as const, to: 0 };
    out.push(jump);
    jumps.push(jump);
    split.second = out.length;
  }
  for (const jump of jumps) jump.to = out.length;
}

function emitStar(item: Node, out: Instruction[]): void {
  const start = out.length;
  const split = { op: "split" as const, first: start + 1, second: 0 };
  out.push(split);
  emit(item, out);
  out.push({ op: "jump", to: start });
  split.second = out.length;
}

function emitOptional(item: Node, out: Instruction[]): void {
  const split = { op: "split" as const, first: out.length + 1, second: 0 };
  out.push(split);
  emit(item, out);
  split.second = out.length;
}

/** Adds the small letters to ranges of capitals: texts are lowered before they are matched. */
function foldCase(ranges: Ranges): Ranges {
  const folded: (readonly [number, number])[] = [...ranges];
  for (const [from, to] of ranges) {
    if (from === to) {
      const lower = String.fromCodePoint(from).toLowerCase().codePointAt(0) ?? from;
      folded.push([lower, lower]);
    } else if (from <= 0x5a && to >= 0x41) folded.push([Math.max(from, 0x41) + 32, Math.min(to, 0x5a) + 32]);
  }
  return folded;
}

/**
 * Whether the pattern matches anywhere in `text`, which must be in lower case. Walks all alternatives at once
 * (Thompson 1968), so the time is at most instructions times characters, whatever pattern and text are.
 */
export function matchesPattern({ program }: Pattern, text: string): boolean {
  let states = new StateSet(program.length);
  let next = new StateSet(program.length);
  for (let at = 0; ; ) {
    // A match may begin anywhere: the first instruction is always among the states.
    if (follow(program, 0, at, text.length, states)) return true;
    if (at >= text.length) return false;
    const code = text.codePointAt(at) ?? 0;
    at += code > 0xffff ? 2 : 1;
    next.clear();
    for (let i = 0; i < states.size; i++) {
      const index = states.list[i] ?? 0;
      const instruction = program[index];
      if (instruction?.op === "set" && contains(instruction.ranges, code) !== instruction.negated) {
        if (follow(program, index + 1, at, text.length, next)) return true;
      }
    }
    [states, next] = [next, states];
  }
}

/** Adds an instruction and all that it leads to without a character. True when that includes the match. */
function follow(program: readonly Instruction[], from: number, at: number, end: number, into: StateSet): boolean {
  const stack = [from];
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    if (!into.add(index)) continue;
    const instruction = program[index];
    if (instruction === undefined || instruction.op === "set") continue;
    if (instruction.op === "match") return true;
    if (instruction.op === "jump") stack.push(instruction.to);
    else if (instruction.op === "split") stack.push(instruction.second, instruction.first);
    else if ((instruction.op === "start" && at === 0) || (instruction.op === "end" && at === end))
      stack.push(index + 1);
  }
  return false;
}

const contains = (ranges: Ranges, code: number): boolean => ranges.some(([from, to]) => code >= from && code <= to);

/** A set of instructions that empties in no time. */
class StateSet {
  readonly list: Int32Array;
  readonly #places: Int32Array;
  size = 0;

  constructor(most: number) {
    this.list = new Int32Array(most);
    this.#places = new Int32Array(most);
  }

  add(index: number): boolean {
    const place = this.#places[index] ?? 0;
    if (place < this.size && this.list[place] === index) return false;
    this.#places[index] = this.size;
    this.list[this.size++] = index;
    return true;
  }

  clear(): void {
    this.size = 0;
  }
}
