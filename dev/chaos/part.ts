import { type Child, type ChildSpec, type Reaper, startChild } from "../stack/child.ts";

/** A process that chaos may kill and start again. Whatever ends it otherwise is noted as unasked. */
export type Part = {
  readonly name: string;
  /** What the latest ready line said. */
  ready(): string;
  up(): boolean;
  start(): Promise<void>;
  /** SIGKILL to the whole group, as the kernel's out-of-memory killer would. */
  kill9(): Promise<void>;
  /** SIGTERM; resolves when it has left by itself (or was made to). */
  stop(): Promise<void>;
  /** Ids of every process group it ever had. */
  readonly pids: readonly number[];
};

type Around = {
  readonly reaper: Reaper;
  /** Told in one line when a process ends that nobody ended. */
  readonly unasked: (line: string) => void;
};

export function createPart(spec: ChildSpec, around: Around): Part {
  let child: Child | null = null;
  const pids: number[] = [];

  async function end(how: (child: Child) => Promise<void> | void): Promise<void> {
    const mine = child;
    if (mine === null) return;
    child = null;
    await how(mine);
    await mine.ended;
  }

  return {
    name: spec.name,
    pids,
    ready: () => child?.ready ?? "",
    up: () => child !== null,
    async start() {
      if (child !== null) return;
      const started = await startChild(spec, around.reaper);
      child = started;
      pids.push(started.pid);
      void started.ended.then((how) => {
        if (child !== started) return;
        child = null;
        around.unasked(how);
      });
    },
    kill9: () => end((mine) => killGroup(mine.pid)),
    stop: () => end((mine) => mine.stop()),
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

/** Whether any process of the group is left. */
export function groupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}
