import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/** A bad wire: passes bytes from its port to the target until told to delay, hold back or cut them. */
export type Wire = {
  readonly port: number;
  /** Resets every connection and says how many; new ones go through. */
  cut(): number;
  /** Each piece arrives that much later, until called again; 0 is no delay. Order is kept. */
  delay(ms: number): void;
  /** Nothing passes until `resume`, and nobody is told: as a router that swallows packets. */
  stall(): void;
  resume(): void;
  close(): Promise<void>;
};

type Mood = { delayMs: number; stalled: boolean };
type Pair = { readonly near: Socket; readonly far: Socket };

/** Starts a proxy on 127.0.0.1 in front of a port there. */
export async function startWire(target: number): Promise<Wire> {
  const pairs = new Set<Pair>();
  const mood: Mood = { delayMs: 0, stalled: false };
  const server: Server = createServer({ pauseOnConnect: true }, (near) => {
    const far = dial(target, "127.0.0.1");
    const pair = { near, far };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    pass(near, far, mood, end);
    pass(far, near, mood, end);
    if (mood.stalled) hold(pair);
    else near.resume();
  });
  const hold = ({ near, far }: Pair) => {
    near.pause();
    far.pause();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("wire: no port");
  return {
    port: address.port,
    cut() {
      const cut = pairs.size;
      for (const { near, far } of pairs) {
        near.resetAndDestroy();
        far.resetAndDestroy();
      }
      return cut;
    },
    delay(ms) {
      mood.delayMs = ms;
    },
    stall() {
      mood.stalled = true;
      for (const pair of pairs) hold(pair);
    },
    resume() {
      mood.stalled = false;
      for (const { near, far } of pairs) {
        near.resume();
        far.resume();
      }
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      await closed;
    },
  };
}

/** One direction. A piece never overtakes the one before, whatever the delay was then. */
function pass(from: Socket, to: Socket, mood: Mood, end: () => void): void {
  const waiting: { readonly atMs: number; readonly run: () => void }[] = [];
  const work = () => {
    for (let [first] = waiting; first !== undefined; [first] = waiting) {
      const waitMs = first.atMs - performance.now();
      if (waitMs > 0) {
        setTimeout(work, waitMs);
        return;
      }
      waiting.shift();
      first.run();
    }
  };
  const later = (run: () => void) => {
    waiting.push({ atMs: performance.now() + mood.delayMs, run });
    if (waiting.length === 1) work();
  };
  from.setNoDelay(true);
  from.on("data", (bytes) => {
    later(() => {
      if (to.destroyed || to.write(bytes)) return;
      from.pause();
      to.once("drain", () => {
        if (!mood.stalled) from.resume();
      });
    });
  });
  from.on("end", () => later(() => to.end()));
  from.on("error", end);
  from.on("close", end);
}
