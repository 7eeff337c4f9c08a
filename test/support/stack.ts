import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../dev/ports.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const READY_WITHIN_MS = 60_000;

export type Ready = {
  readonly url: string;
  readonly live_key: string;
  readonly test_key: string;
  readonly webhook_receiver: string;
};

/** The local stack as a user runs it: a real process, its data in a folder of its own. */
export type LocalStack = {
  readonly ready: Ready;
  readonly pid: number;
  /** Process id of the running probe. */
  probePid(): number;
  /** Ctrl-C; resolves with the exit code. */
  interrupt(): Promise<number | null>;
  /** kill -9 of the whole thing, children included. */
  kill9(): Promise<void>;
  output(): string;
};

/** A data folder and a port that one stack after the other can use. */
export class StackHome {
  readonly dataDir = mkdtempSync(join(tmpdir(), "mailsonar-flow-"));
  #port = 0;
  #running: ChildProcess | null = null;

  /** Starts `npm start`'s program here and waits for ready.json. */
  async start(): Promise<LocalStack> {
    this.#port ||= await freePort();
    const child = spawn(process.execPath, ["dev/start.ts"], {
      cwd: ROOT,
      env: { ...process.env, MAILSONAR_DATA: this.dataDir, MAILSONAR_PORT: String(this.#port), DATABASE_URL: "" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#running = child;
    let output = "";
    const keep = (bytes: Buffer): void => {
      output = (output + bytes.toString("utf8")).slice(-20_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const ready = await Promise.race([
      this.#readyFile(),
      once(child, "exit").then(([code]) => {
        throw new Error(`the stack ended with code ${code}: ${output}`);
      }),
    ]);
    const pid = child.pid ?? 0;
    return {
      ready,
      pid,
      probePid: () => descendants(pid).find((one) => /probe\/main\.ts run/.test(one.args))?.pid ?? 0,
      output: () => output,
      async interrupt() {
        child.kill("SIGINT");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
        return child.exitCode;
      },
      async kill9() {
        const all = descendants(pid);
        for (const one of [{ pid }, ...all]) signal(one.pid);
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
        rmSync(join(ready.data, "ready.json"), { force: true });
      },
    };
  }

  /** Ends what still runs and removes the folder. */
  async close(): Promise<void> {
    const child = this.#running;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGINT");
      await once(child, "exit");
    }
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  #readyFile(): Promise<Ready & { data: string }> {
    const file = join(this.dataDir, "ready.json");
    const read = (): Ready & { data: string } => ({ ...JSON.parse(readFileSync(file, "utf8")), data: this.dataDir });
    return new Promise((resolve, reject) => {
      const watcher = watch(this.dataDir, () => {
        if (existsSync(file)) end(() => resolve(read()));
      });
      const timer = setTimeout(() => end(() => reject(new Error("no ready.json in time"))), READY_WITHIN_MS);
      const end = (then: () => void): void => {
        watcher.close();
        clearTimeout(timer);
        then();
      };
    });
  }
}

/** Every process below `pid`, by the parent links of this system's process table. */
function descendants(pid: number): { pid: number; args: string }[] {
  const table = readProcessTable();
  const found: { pid: number; args: string }[] = [];
  const walk = (parent: number): void => {
    for (const row of table.filter((one) => one.parent === parent)) {
      found.push(row);
      walk(row.pid);
    }
  };
  walk(pid);
  return found;
}

function readProcessTable(): { pid: number; parent: number; args: string }[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" });
  return stdout
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .flatMap((match) => (match ? [{ pid: Number(match[1]), parent: Number(match[2]), args: match[3] ?? "" }] : []));
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
