import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ORPHAN_STOP_MAX_MS = 15_000;
const POLL_MS = 50;

/**
 * Takes a data folder for this process; `release` gives it back. The holder stands in `owner.pid` with the time it
 * began, because its process id may meanwhile be another's. Throws one clear line when the holder lives.
 */
export async function claimFolder(dataDir: string): Promise<{ release(): Promise<void> }> {
  const file = join(dataDir, "owner.pid");
  const own = `${process.pid} ${(await look(process.pid))?.since ?? ""}`;
  for (;;) {
    try {
      await writeFile(file, own, { flag: "wx" });
      return { release: () => rm(file, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const held = await readFile(file, "utf8").catch(() => "");
    if (held === own) throw new Error(`Postgres: data folder ${dataDir} is already open in this process`);
    const pid = Number.parseInt(held, 10);
    const holder = await look(pid);
    if (holder !== undefined && held === `${pid} ${holder.since}`) {
      throw new Error(`Postgres: data folder ${dataDir} is in use by process ${pid}`);
    }
    await rm(file, { force: true });
  }
}

/** A server whose starter was killed may still run, where it is not told of its parent's death: ends it. */
export async function endOrphan(cluster: string): Promise<void> {
  const lockFile = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(lockFile, 10);
  const orphan = await look(pid);
  // The id in a stale lock file may be anybody's by now: signal it only if it serves this very folder.
  if (orphan === undefined || !orphan.command.includes(cluster)) return;
  process.kill(pid, "SIGINT");
  for (let waited = 0; waited < ORPHAN_STOP_MAX_MS && (await look(pid)) !== undefined; waited += POLL_MS) {
    await new Promise((go) => setTimeout(go, POLL_MS));
  }
}

type Seen = { readonly command: string; readonly since: string };

/** A living process: its command line and when it began. A zombie is not alive. */
async function look(pid: number): Promise<Seen | undefined> {
  if (!(pid > 0)) return undefined;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat !== undefined) {
    // After the command in parentheses: the state first, the start time twentieth (proc_pid_stat(5), fields 3 and 22).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return undefined;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return { command: command.replaceAll("\0", " "), since: fields[19] ?? "" };
  }
  if (process.platform === "linux") return undefined;
  const ps = await run("ps", ["-o", "stat=,lstart=,args=", "-p", String(pid)]).catch(() => undefined);
  const [, state, since, command] = /^(\S+)\s+(\S+ \S+ +\S+ \S+ \S+)\s+(.*)$/.exec(ps?.stdout.trim() ?? "") ?? [];
  if (state === undefined || state.startsWith("Z")) return undefined;
  return { command: command ?? "", since: since ?? "" };
}
