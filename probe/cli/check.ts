import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { addressFacts, knownDomains } from "../../shared/address/facts.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { decide, emptyEvidence } from "../../shared/verdict/decide.ts";
import { MODES, type Mode } from "../../shared/verdict/vocabulary.ts";
import { type Checker, type CheckerOptions, createChecker } from "../check/checker.ts";
import { readProbeConfig } from "../config.ts";
import { CLI_BATCH_LINES, CLI_BATCHES_IN_FLIGHT } from "../limits.ts";
import { keepMemoryFlat } from "../memory.ts";
import { PROFILES, waitingOut } from "../pace/profile.ts";
import { BadInput, INPUT_KINDS, type InputKind, readBatches } from "./input.ts";
import { FORMATS, type Format, headerOf, LineWriter, lineOf } from "./output.ts";
import { checkBatch } from "./patience.ts";

const USAGE = `usage: mailsonar check ADDRESS|FILE|- [--mode edge|dns|full] [--input lines|csv|ndjson]
                       [--format ndjson|csv|table] [--patience 30s] [--transcript]`;

type Settings = {
  readonly target: string;
  readonly mode: Mode;
  readonly input: InputKind | null;
  readonly format: Format;
  readonly patienceMs: number;
  readonly transcript: boolean;
};

/**
 * `check`: one verdict per input line, in input order, without any server; the probe's environment configures it.
 * Exit codes: 0 when every line has its verdict, 1 for input that cannot be read, 2 for wrong arguments or environment.
 */
export async function main(args: string[]): Promise<number> {
  const settings = readSettings(args);
  if (!settings.ok) return complain(`${settings.error}\n${USAGE}`, 2);
  const source = await openSource(settings.value);
  if (!source.ok) return complain(source.error, 1);
  const writer = new LineWriter(process.stdout);
  try {
    await writer.write(headerOf(settings.value.format));
    const code = await run(settings.value, source.value, writer);
    await writer.flush();
    return code;
  } catch (error) {
    await writer.flush();
    if (error instanceof BadInput) return complain(error.message, 1);
    if (error instanceof Error && "code" in error && typeof error.code === "string") {
      return complain(`cannot read ${settings.value.target}: ${error.code}`, 1);
    }
    throw error;
  }
}

function complain(line: string, code: number): number {
  process.stderr.write(`mailsonar check: ${line}\n`);
  return code;
}

function readSettings(args: string[]): Result<Settings, string> {
  let parsed: ReturnType<typeof parseCheckArgs>;
  try {
    parsed = parseCheckArgs(args);
  } catch (error) {
    return err(error instanceof Error ? (error.message.split("\n")[0] ?? "wrong arguments") : "wrong arguments");
  }
  const { values, positionals } = parsed;
  const [target, ...more] = positionals;
  if (target === undefined || more.length > 0) return err("exactly one address, file or - is needed");
  const mode = MODES.find((one) => one === values.mode);
  if (mode === undefined) return err(`--mode must be one of ${MODES.join(", ")}`);
  const input = values.input === undefined ? null : INPUT_KINDS.find((one) => one === values.input);
  if (input === undefined) return err(`--input must be one of ${INPUT_KINDS.join(", ")}`);
  const format = FORMATS.find((one) => one === values.format);
  if (format === undefined) return err(`--format must be one of ${FORMATS.join(", ")}`);
  const patienceMs = readDuration(values.patience);
  if (patienceMs === null) return err("--patience must be a time such as 30s, 2m or 500ms");
  return ok({ target, mode, input, format, patienceMs, transcript: values.transcript });
}

const parseCheckArgs = (args: string[]) =>
  parseArgs({
    args,
    allowPositionals: true,
    options: {
      mode: { type: "string", default: "full" },
      input: { type: "string" },
      format: { type: "string", default: "ndjson" },
      patience: { type: "string", default: "0s" },
      transcript: { type: "boolean", default: false },
    },
  });

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const PATIENCE_MAX_MS = 86_400_000;

function readDuration(text: string): number | null {
  const match = /^(\d{1,9})(ms|s|m|h)?$/.exec(text);
  if (match === null) return null;
  const ms = Number(match[1]) * (UNITS_MS[match[2] ?? "s"] ?? 1_000);
  return ms <= PATIENCE_MAX_MS ? ms : null;
}

type Source = { readonly stream: AsyncIterable<Buffer | string>; readonly kind: InputKind };

/** A dash is standard input, a file's name the file, anything else one address. */
async function openSource({ target, input }: Settings): Promise<Result<Source, string>> {
  if (target === "-") return ok({ stream: process.stdin, kind: input ?? "lines" });
  const found = await stat(target).catch(() => null);
  if (found?.isDirectory()) return err(`${target} is a directory`);
  if (found !== null) {
    return ok({ stream: createReadStream(target, { highWaterMark: 1 << 18 }), kind: input ?? kindOf(target) });
  }
  if (!target.includes("@") && (/[/\\]/.test(target) || /\.(?:csv|txt|ndjson|jsonl)$/i.test(target))) {
    return err(`there is no file ${target}`);
  }
  return ok({ stream: single(`${target.replaceAll("\n", "\uFFFD")}\n`), kind: "lines" });
}

async function* single(text: string): AsyncGenerator<string> {
  yield text;
}

const kindOf = (name: string): InputKind => {
  if (/\.(?:ndjson|jsonl)$/i.test(name)) return "ndjson";
  return /\.csv$/i.test(name) ? "csv" : "lines";
};

async function run(settings: Settings, source: Source, writer: LineWriter): Promise<number> {
  const batches = readBatches(source.stream, source.kind, CLI_BATCH_LINES);
  if (settings.mode === "edge") {
    await runEdge(batches, settings.format, writer);
    return 0;
  }
  const config = readProbeConfig(process.env);
  if (!config.ok) return complain(config.error, 2);
  keepMemoryFlat();
  const checker = createChecker(config.value, {
    profile: waitingOut(PROFILES[config.value.pace]),
    ...(settings.transcript ? { transcript: writeTranscript } : {}),
  });
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGINT", onSignal);
  try {
    await runChecker(batches, settings, checker, stop, writer);
    return stop.signal.aborted && !writer.closed ? 130 : 0;
  } finally {
    process.off("SIGINT", onSignal);
    await checker.close();
  }
}

const writeTranscript = (host: string, direction: ">" | "<", text: string): void => {
  for (const line of text.trimEnd().split(/\r?\n/)) process.stderr.write(`${host} ${direction} ${line}\n`);
};

/** The text alone: no network, no promises per line. */
async function runEdge(batches: AsyncGenerator<string[]>, format: Format, writer: LineWriter): Promise<void> {
  const options = { roleIsRisky: false };
  for await (const batch of batches) {
    const nowMs = Date.now();
    let text = "";
    const known = knownDomains();
    for (const email of batch) {
      const facts = addressFacts(email, undefined, known);
      text += lineOf(decide(emptyEvidence(facts, "edge"), options, nowMs), format);
    }
    await writer.write(text);
    if (writer.closed) return;
    await writer.flush();
  }
}

type Pending = Promise<readonly (string | undefined)[]>;

/** Several batches at once, written in order: a bounded window keeps memory flat and connections full. */
async function runChecker(
  batches: AsyncGenerator<string[]>,
  settings: Settings,
  checker: Checker,
  stop: AbortController,
  writer: LineWriter,
): Promise<void> {
  const options: CheckerOptions = {
    mode: settings.mode,
    role_is_risky: false,
    transcript: settings.transcript,
    signal: stop.signal,
    deadlineMs: null,
    source: null,
    realTime: false,
  };
  const patience = { ms: settings.patienceMs, now: Date.now, sleep };
  const window: Pending[] = [];
  const writeFirst = async (): Promise<void> => {
    for (const line of (await window.shift()) ?? []) {
      if (line !== undefined) await writer.write(line);
    }
    await writer.flush();
    if (writer.closed) stop.abort();
  };
  try {
    for await (const batch of batches) {
      if (stop.signal.aborted) break;
      window.push(checkBatch(checker, batch, options, patience, (verdict) => lineOf(verdict, settings.format)));
      if (window.length >= CLI_BATCHES_IN_FLIGHT) await writeFirst();
    }
  } finally {
    while (window.length > 0) await writeFirst();
  }
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);
