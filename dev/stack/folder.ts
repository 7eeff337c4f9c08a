import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { err, ok, type Result } from "../../shared/result.ts";

/** One line that tells what stands in the way, or the taken folder. */
type Folder = { release(): void };

/**
 * Takes the data folder for one stack: a second one on the same folder would run two Postgres on one set of files.
 * A lock left by a stack that was killed is recognised by its dead process.
 */
export function takeFolder(dataDir: string): Result<Folder, string> {
  const file = join(dataDir, "stack.pid");
  try {
    mkdirSync(dataDir, { recursive: true });
    const holder = Number(readText(file) ?? "0");
    if (holder > 0 && holder !== process.pid && alive(holder)) {
      return err(`the data folder ${dataDir} is in use by a running stack (process ${holder}); set MAILSONAR_DATA`);
    }
    writeFileSync(file, String(process.pid));
  } catch (error) {
    return err(`the data folder ${dataDir} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
  return ok({ release: () => rmSync(file, { force: true }) });
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A recycled process id must not lock the folder for ever.
    return /start\.ts/.test(readText(`/proc/${pid}/cmdline`) ?? "start.ts");
  } catch {
    return false;
  }
}
