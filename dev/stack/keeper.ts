import { type Child, type ChildSpec, type Reaper, startChild } from "./child.ts";

/** As systemd would: start again after a short pause, but give up on a part that keeps failing. */
const RESTART_PAUSE_MS = 500;
const RESTARTS_MAX = 5;
const RESTARTS_WITHIN_MS = 60_000;

export type Keeper = {
  /** What the first ready line said. */
  readonly ready: string;
  stop(): Promise<void>;
};

type Surroundings = {
  readonly reaper: Reaper;
  readonly complain: (line: string) => void;
  /** Called once with one line when the part is given up. */
  readonly broken: (why: string) => void;
};

/**
 * Starts a part and keeps it running until stopped.
 * @throws Error with one line when the first start fails: a part that never came up is a fault of the set-up.
 */
export async function keep(spec: ChildSpec, around: Surroundings): Promise<Keeper> {
  let stopping = false;
  let current: Child = await startChild(spec, around.reaper);
  const restarts: number[] = [];
  const ready = current.ready;

  const watch = async (): Promise<void> => {
    while (!stopping) {
      const how = await current.ended;
      if (stopping) return;
      const now = Date.now();
      while (restarts[0] !== undefined && restarts[0] < now - RESTARTS_WITHIN_MS) restarts.shift();
      restarts.push(now);
      if (restarts.length > RESTARTS_MAX) {
        around.broken(`${how}, ${RESTARTS_MAX} times within a minute`);
        return;
      }
      around.complain(`${how}; starting it again`);
      await new Promise((resolve) => setTimeout(resolve, RESTART_PAUSE_MS));
      if (stopping) return;
      current = await startChild(spec, around.reaper);
    }
  };
  const watching = watch().catch((error: unknown) => {
    if (!stopping) around.broken(error instanceof Error ? error.message : String(error));
  });
  return {
    ready,
    async stop() {
      stopping = true;
      await current.stop();
      await watching;
      await current.stop();
    },
  };
}
