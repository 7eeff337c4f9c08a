import { parseArgs } from "node:util";
import { readProbeConfig } from "../config.ts";
import { readEnvFile, writeEnvFile } from "../enroll/env-file.ts";
import { joinEdge } from "../enroll/join.ts";

const FILE = "/etc/mailsonar/probe.env";
const USAGE = `usage: mailsonar enroll --edge URL --token pj_… [--file ${FILE}]
The token may stand in PROBE_JOIN_TOKEN instead. PROBE_*, COURIER_* and DATABASE_URL of the environment go into the file
too; what the file has already stays.`;

/** Variables of a running probe that are worth keeping; the join token is spent. */
const KEPT = /^(?:PROBE_(?!JOIN_TOKEN$|TOKEN$)|COURIER_|DATABASE_URL$|LOG_LEVEL$)/;

/**
 * `enroll`: trades a join token for this probe's own credential and writes the file that systemd or Docker hand to
 * `run`. Run it again with a token of rotation and the credential is replaced. Exit codes: 0, 1 when the edge refuses
 * or the file cannot be written, 2 for an argument or a variable at fault.
 */
export async function main(args: string[]): Promise<number> {
  let values: { edge?: string | undefined; token?: string | undefined; file: string };
  try {
    values = parseArgs({
      args,
      // Not "env-file": Node takes an option of that name for its own, wherever it stands.
      options: { edge: { type: "string" }, token: { type: "string" }, file: { type: "string", default: FILE } },
    }).values;
  } catch (error) {
    return complain(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`, 2);
  }
  const edge = values.edge ?? process.env.EDGE_URL;
  const token = values.token ?? process.env.PROBE_JOIN_TOKEN;
  const { file } = values;
  if (!edge || !token) return complain(USAGE, 2);
  if (!URL.canParse(edge) || !/^https?:$/.test(new URL(edge).protocol)) {
    return complain("--edge must be the URL of the API, such as https://api.example.com", 2);
  }
  const settings = new Map(readEnvFile(file));
  for (const [name, value] of Object.entries(process.env)) {
    if (value && KEPT.test(name)) settings.set(name, value);
  }
  // Before the token is spent: a file that would not start a probe, or cannot be written, is known now.
  const sound = readProbeConfig(Object.fromEntries(settings));
  if (!sound.ok) return complain(sound.error, 2);
  const writable = attemptWrite(file, settings);
  if (writable !== null) return complain(writable, 1);

  const joined = await joinEdge(edge, token);
  if (!joined.ok) return complain(joined.error, 1);
  const { probe, region, token: credential } = joined.value;
  settings.set("EDGE_URL", edge).set("PROBE_REGION", region).set("PROBE_TOKEN", credential);
  const failed = attemptWrite(file, settings);
  if (failed !== null) return complain(failed, 1);
  process.stdout.write(`${JSON.stringify({ probe, region, env_file: file })}\n`);
  if (!settings.has("DATABASE_URL")) {
    process.stderr.write(`mailsonar enroll: add DATABASE_URL (role probe) to ${file} before the probe starts\n`);
  }
  return 0;
}

function attemptWrite(file: string, settings: ReadonlyMap<string, string>): string | null {
  try {
    const written = writeEnvFile(file, settings);
    return written.ok ? null : written.error;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function complain(line: string, code: number): number {
  process.stderr.write(`mailsonar enroll: ${line}\n`);
  return code;
}
