// Makes `npm start` and `npm test` complete on a fresh clone: installs from the lockfile when node_modules is
// missing or was installed from another lockfile. Runs on whatever Node the machine has, so built-ins only.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".installed-from");
const lock = join(root, ".install-lock");
const STALE_LOCK_MS = 600_000;

const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

function installed() {
  try {
    return readFileSync(stamp, "utf8") === wanted;
  } catch {
    return false;
  }
}

/** One installer at a time: the two README commands may be started together. */
function takeLock() {
  for (;;) {
    try {
      mkdirSync(lock);
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    try {
      if (Date.now() - statSync(lock).mtimeMs > STALE_LOCK_MS) rmSync(lock, { recursive: true, force: true });
    } catch {
      // The other installer has just finished.
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
    if (installed()) return;
  }
}

function install() {
  process.stderr.write("mailsonar: installing dependencies from the lockfile…\n");
  // Not `npm ci`: it refuses a lockfile that lacks optional binaries of other systems, of which some registries carry
  // fewer. This installs the locked versions all the same and leaves the lockfile alone.
  const install = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm, ...install]] : ["npm", install];
  const run = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (run.status !== 0) {
    process.stderr.write("mailsonar: installing the dependencies failed (see above)\n");
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

if (!installed()) {
  takeLock();
  try {
    if (!installed()) install();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}
