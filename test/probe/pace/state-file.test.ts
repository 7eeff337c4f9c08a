import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";

const WRITER = fileURLToPath(new URL("./writer.ts", import.meta.url));
const children: ChildProcess[] = [];
let folder = "";

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
  await rm(folder, { recursive: true, force: true });
});

async function write(file: string, name: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [WRITER, file, name], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  if (child.stdout !== null) await once(child.stdout, "data");
  return child;
}

it("is whole whenever it is read, with two writers at it, and after both were killed in the midst", async () => {
  folder = await mkdtemp(join(tmpdir(), "state-"));
  const file = join(folder, "pace.json");
  const writers = await Promise.all(["a", "b"].map((name) => write(file, name)));
  const seen = new Set<string>();
  const read = async (): Promise<void> => {
    const { name, i, end } = JSON.parse(await readFile(file, "utf8"));
    expect(end).toBe(i);
    seen.add(name);
  };
  for (let reads = 0; reads < 200 || seen.size < 2; reads += 1) await read();
  for (const writer of writers) {
    writer.kill("SIGKILL");
    await once(writer, "exit");
    await read();
  }
});
