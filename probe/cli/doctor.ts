import { parseArgs } from "node:util";
import { readProbeConfig } from "../config.ts";
import { examine } from "../doctor/doctor.ts";
import { type CheckResult, readDoctorSettings } from "../doctor/types.ts";

const USAGE = "usage: mailsonar doctor [--format table|json]";

/**
 * `doctor`: examines this host as a probe, with the environment that a probe would run with. Exit codes: 0 when nothing
 * fails (warnings are no failure), 1 when something does, 2 for a configuration or an argument at fault.
 */
export async function main(args: string[]): Promise<number> {
  let format: string;
  try {
    format = parseArgs({ args, options: { format: { type: "string", default: "table" } } }).values.format;
  } catch (error) {
    return complain(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
  if (format !== "table" && format !== "json") return complain(`--format must be table or json\n${USAGE}`);
  const config = readProbeConfig(process.env);
  if (!config.ok) return complain(config.error);
  const results = await examine(config.value, readDoctorSettings(process.env));
  const healthy = results.every(({ state }) => state !== "fail");
  const text = format === "json" ? JSON.stringify({ healthy, checks: results }) : table(results);
  process.stdout.write(`${text}\n`);
  return healthy ? 0 : 1;
}

/** One line per check, the mend below what needs one. */
function table(results: readonly CheckResult[]): string {
  const wide = Math.max(...results.map(({ title }) => title.length));
  const lines = results.map(({ state, title, found, mend }) => {
    const line = `${state.toUpperCase().padEnd(7)}  ${title.padEnd(wide)}  ${found}`;
    return mend === null ? line : `${line}\n${" ".repeat(9)}${"".padEnd(wide)}  -> ${mend}`;
  });
  const count = (wanted: string): number => results.filter(({ state }) => state === wanted).length;
  return `${lines.join("\n")}\n\n${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} failing, ${count("skipped")} skipped`;
}

function complain(line: string): number {
  process.stderr.write(`mailsonar doctor: ${line}\n`);
  return 2;
}
