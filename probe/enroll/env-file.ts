import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { err, ok, type Result } from "../../shared/result.ts";

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/;

/** Characters that systemd, Docker and shells all take literally in an unquoted value. */
const PLAIN = /^[A-Za-z0-9@%_+=:,./[\]?&~-]*$/;

/**
 * Reads NAME=value lines as systemd's EnvironmentFile takes them; comments and empty lines are skipped. A file that is
 * not there has none.
 */
export function readEnvFile(file: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  if (!existsSync(file)) return values;
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, name, value] = LINE.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, unquote(value));
  }
  return values;
}

/**
 * Writes the values, readable by their owner alone, in one step: a crash leaves the old file or the new one.
 * @returns the name of a value that cannot be written as one plain line
 */
export function writeEnvFile(file: string, values: ReadonlyMap<string, string>): Result<void, string> {
  const lines: string[] = [];
  for (const [name, value] of values) {
    if (PLAIN.test(value)) lines.push(`${name}=${value}`);
    else if (/^[^"'`$\\\n\r]*$/.test(value)) lines.push(`${name}="${value}"`);
    else return err(`${name} holds quotes, dollar signs, backslashes or line breaks, which env files read differently`);
  }
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${lines.join("\n")}\n`, { mode: 0o600, flag: "wx" });
  renameSync(draft, file);
  return ok(undefined);
}

const unquote = (value: string): string => /^"(.*)"$/.exec(value)?.[1] ?? /^'(.*)'$/.exec(value)?.[1] ?? value;
