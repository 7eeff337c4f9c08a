import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DRAFT_MAX_AGE_MS, MEMORY_MAX_BYTES } from "./limits.ts";

/**
 * The text of a file; null when there is none yet.
 * @throws when it cannot be read, or is larger than anything written here
 */
export async function readState(file: string): Promise<string | null> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (found === null) return null;
  if (found.size > MEMORY_MAX_BYTES) throw new Error(`it has ${found.size} bytes`);
  return readFile(file, "utf8");
}

/**
 * Writes a file, readable by its owner alone, in one step: whoever reads, and whatever dies, there is the old file or
 * the new one. Writers do not disturb each other; the last one wins.
 */
export async function writeState(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}.draft`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(text);
      // Else a power failure might leave the new name with nothing behind it.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Makes the folder, if need be, and sweeps away the drafts of writers that died. */
export async function prepareFolder(file: string, nowMs: number): Promise<void> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(file)}.`) || !name.endsWith(".draft")) continue;
    const draft = join(folder, name);
    const found = await stat(draft).catch(() => null);
    if (found !== null && nowMs - found.mtimeMs > DRAFT_MAX_AGE_MS) await rm(draft, { force: true });
  }
}
