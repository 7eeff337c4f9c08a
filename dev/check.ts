/** `npm run check`: lint, types, dead code, and the Worker's dry-run build with its size. Stops at the first failure. */
import { spawnSync } from "node:child_process";

type Step = { readonly name: string; readonly command: readonly [string, ...string[]]; readonly show?: RegExp };

const STEPS: readonly Step[] = [
  { name: "lint and format", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "types", command: ["tsc", "-b"] },
  { name: "generated bindings", command: ["wrangler", "types", "--check"] },
  { name: "dead code", command: ["knip"] },
  {
    name: "worker build",
    command: ["wrangler", "deploy", "--dry-run", "--outdir", "dist/worker"],
    show: /Total Upload.*/,
  },
];

for (const step of STEPS) {
  const [program, ...args] = step.command;
  const run = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
  });
  const output = `${run.stdout ?? ""}${run.stderr ?? ""}`;
  if (run.status !== 0) {
    process.stderr.write(`${output}\ncheck: ${step.name} failed\n`);
    process.exit(1);
  }
  process.stdout.write(
    `check: ${step.name}: ok${step.show ? ` (${step.show.exec(output)?.[0] ?? "size unknown"})` : ""}\n`,
  );
}
