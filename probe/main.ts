#!/usr/bin/env node
/** Composition root of the fleet's program: picks the command, each of which is one file under cli/. */
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

type Command = { readonly summary: string; readonly load: () => Promise<{ main(args: string[]): Promise<number> }> };

const COMMANDS: Readonly<Record<string, Command>> = {
  run: { summary: "probe server: pull work, check, settle", load: () => import("./cli/run.ts") },
  check: { summary: "check ADDRESS|FILE|- without any server", load: () => import("./cli/check.ts") },
  verify: { summary: "verify a list through the API, with its progress", load: () => import("./cli/verify.ts") },
  classify: { summary: "classify SMTP replies from NDJSON on stdin", load: () => import("./cli/classify.ts") },
  doctor: { summary: "examine this host as a probe", load: () => import("./cli/doctor.ts") },
  enroll: { summary: "join the fleet with a join token", load: () => import("./cli/enroll.ts") },
  admin: { summary: "create tenants, API keys and join tokens of probes", load: () => import("./cli/admin.ts") },
};

// Compiled code is kept for the next call, which then starts in half the time: in a folder of this user alone, because
// whoever writes there runs as this user. Where it cannot be written, nothing is kept.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "mailsonar"));

const usage = () =>
  [
    "usage: mailsonar COMMAND …",
    ...Object.entries(COMMANDS).map(([name, c]) => `  ${name.padEnd(10)} ${c.summary}`),
  ].join("\n");

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command) {
  process.exitCode = await (await command.load()).main(args);
} else if (name === "--help" || name === "help") {
  process.stdout.write(`${usage()}\n`);
} else {
  process.stderr.write(`mailsonar: ${name ? `no command "${name}"` : "a command is needed"}\n${usage()}\n`);
  process.exitCode = 2;
}
