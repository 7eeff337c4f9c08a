import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const STOP_WITHIN_MS = 8_000;
/** Lines of a child's last words kept for the one line that says why it failed. */
const LAST_WORDS_LINES = 20;

/** The watchdog that outlives a killed stack and ends its children. */
export type Reaper = { add(pid: number): void; remove(pid: number): void; close(): Promise<void> };

/** Starts the reaper. It ends by itself when this process does. */
export function startReaper(): Reaper {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./reaper.ts", import.meta.url))], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  const exited = once(child, "exit");
  return {
    add: (pid) => child.stdin.write(`+${pid}\n`),
    remove: (pid) => child.stdin.write(`-${pid}\n`),
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}

export type ChildSpec = {
  readonly name: string;
  /** Script (relative to the project) and its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Returns the ready message when the line says that the child is ready, else null. */
  readonly readyLine: (line: string) => string | null;
  readonly onLine: (line: string) => void;
  readonly readyWithinMs: number;
};

export type Child = {
  readonly pid: number;
  /** What the ready line said. */
  readonly ready: string;
  /** Resolves when the process has ended, with one line about how. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
};

/**
 * Starts a child in a process group of its own and waits until it says that it is ready.
 * @throws Error with one line (name and last words) when it ends or stays silent instead.
 */
export async function startChild(spec: ChildSpec, reaper: Reaper): Promise<Child> {
  const child = spawn(process.execPath, [...spec.args], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { ...process.env, ...spec.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${spec.name}: could not be started`);
  reaper.add(pid);
  const lastWords: string[] = [];
  const ended = endOf(child, spec.name).finally(() => {
    // What the child itself started (the Workers runtime, say) shares its group.
    signalGroup(pid, "SIGKILL");
    reaper.remove(pid);
  });
  const ready = new Promise<string>((resolve) => {
    const read = (line: string): void => {
      lastWords.push(line);
      if (lastWords.length > LAST_WORDS_LINES) lastWords.shift();
      const message = spec.readyLine(line);
      if (message === null) spec.onLine(line);
      else resolve(message);
    };
    createInterface({ input: child.stdout }).on("line", read);
    createInterface({ input: child.stderr }).on("line", read);
  });
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => timeout.reject(new Error(`${spec.name}: not ready within ${spec.readyWithinMs / 1000} s`)),
    spec.readyWithinMs,
  );
  try {
    const message = await Promise.race([
      ready,
      timeout.promise,
      ended.then((how) => {
        throw new Error(`${how}${lastWords.length ? `: ${mostTelling(lastWords)}` : ""}`);
      }),
    ]);
    return { pid, ready: message, ended, stop: () => stopChild(child, pid, ended) };
  } catch (error) {
    signalGroup(pid, "SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The line among a child's last words that names the error, rather than a frame of its stack. */
function mostTelling(lines: readonly string[]): string {
  const error = lines.find((line) => /error|cannot|refused|denied|in use|failed/i.test(line));
  return (error ?? lines.at(-1) ?? "").trim().slice(0, 300);
}

async function endOf(child: ChildProcess, name: string): Promise<string> {
  const [code, signal] = await once(child, "exit");
  return signal === null ? `${name} ended with code ${code}` : `${name} was ended by ${signal}`;
}

async function stopChild(child: ChildProcess, pid: number, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), STOP_WITHIN_MS);
  await ended;
  clearTimeout(timer);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}
