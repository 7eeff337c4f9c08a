import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** Connections that fill the queue of a listener with backlog 1; one more than Linux keeps. */
const FILLERS = 3;

/** Listens and then stops its event loop for good, so that nobody ever accepts. */
const LISTENER = `
const { parentPort, workerData } = require("node:worker_threads");
const { createServer } = require("node:net");
let waiting = workerData.addresses.length;
const stop = new Int32Array(workerData.stop);
for (const host of workerData.addresses) {
  createServer().on("error", (error) => parentPort.postMessage(error.message)).listen({ host, port: workerData.port, backlog: 1 }, () => {
    waiting -= 1;
    if (waiting > 0) return;
    parentPort.postMessage("");
    setImmediate(() => { Atomics.wait(stop, 0, 0); process.exit(0); });
  });
}
`;

/**
 * Makes addresses swallow connections at a port: a listener that never accepts, its queue filled, so that the kernel
 * drops every further SYN and clients run into their connect timeout. Returns the way to end it; rejects when a
 * port is taken.
 */
export async function startBlackhole(addresses: readonly string[], port: number): Promise<() => Promise<void>> {
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(LISTENER, { eval: true, workerData: { addresses, port, stop } });
  const [problem] = await once(worker, "message");
  if (problem !== "") {
    await worker.terminate();
    throw new Error(String(problem));
  }
  const fillers = addresses.flatMap((host) => Array.from({ length: FILLERS }, () => fill(host, port)));
  return async () => {
    for (const filler of fillers) filler.destroy();
    const ended = once(worker, "exit");
    Atomics.store(new Int32Array(stop), 0, 1);
    Atomics.notify(new Int32Array(stop), 0);
    await ended;
  };
}

function fill(host: string, port: number): Socket {
  const socket = connect({ host, port });
  socket.on("error", () => socket.destroy());
  return socket.unref();
}
