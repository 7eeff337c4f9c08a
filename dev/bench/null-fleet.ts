import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const WINDOW = 2_000;

/** Probes that answer at once, in a process of their own (null-probes.ts). */
export class NullProbes {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  constructor(url: string, tokens: readonly string[]) {
    const program = fileURLToPath(new URL("./null-probes.ts", import.meta.url));
    this.#child = spawn(process.execPath, [program, url, String(WINDOW), ...tokens], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  ready(): Promise<unknown> {
    return this.#line((said) => said.ready === true);
  }

  /** Milliseconds until that many addresses are done. */
  async expect(addresses: number): Promise<number> {
    this.#child.stdin.write(`expect ${addresses}\n`);
    return Number((await this.#line((said) => typeof said.ms === "number")).ms);
  }

  /** Resolves when that chunk is done, with the addresses done in all since the last `expect`. */
  async watch(chunk: string): Promise<number> {
    this.#child.stdin.write(`watch ${chunk}\n`);
    return Number((await this.#line((said) => said.watched === chunk)).done);
  }

  /** Each chunk takes that long from now on. */
  hold(ms: number): void {
    this.#child.stdin.write(`hold ${ms}\n`);
  }

  #line(wanted: (said: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const look = (line: string) => {
        const said: Record<string, unknown> = JSON.parse(line);
        if (typeof said.error === "string") reject(new Error(said.error));
        if (!wanted(said)) return;
        this.#lines.off("line", look);
        resolve(said);
      };
      this.#lines.on("line", look);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}
