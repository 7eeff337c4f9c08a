/**
 * Probes that answer at once, as a process of their own: `node null-probes.ts URL WINDOW TOKEN…`, one probe per token.
 * Prints {"ready":true} when all are welcomed, and for each line `expect N` on stdin, {"done":N,"ms":…} from the first
 * lease after it to the N-th address leased. `hold MS` makes each chunk take that long from then on; `watch CHUNK` asks
 * for {"watched":CHUNK,"done":N} when that chunk is done.
 */
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { sandboxVerdict } from "../sim/verdict.ts";

const [url = "", window = "2000", ...tokens] = process.argv.slice(2);
const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

let expected = 0;
let done = 0;
let begunMs = 0;
let welcomed = 0;
let holdMs = 0;
let watched = "";

/** The hub's frames are trusted here: this measures the hub, not our reading of it. */
type Frame = { t: string; chunk: string; lease: number; items: unknown[]; task: string; email: string };

for (const token of tokens) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/probes/connect?region=eu`, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  let items: object[] = [];
  const flush = () => {
    socket.send(JSON.stringify({ t: "done", items }));
    items = [];
  };
  socket.on("open", () => {
    const me = { probe: token.split("_")[1], build: "null", region: "eu", sources: [], capabilities: [], leases: [] };
    socket.send(JSON.stringify({ t: "hello", v: 1, ...me, slots: 64, window: Number(window) }));
    setInterval(
      () => socket.send(JSON.stringify({ t: "beat", sent: Date.now(), held: 0, running: 0 })),
      10_000,
    ).unref();
  });
  socket.on("message", (data: Buffer) => {
    const frame: Frame = JSON.parse(data.toString());
    if (frame.t === "welcome") {
      welcomed += 1;
      if (welcomed === tokens.length) say({ ready: true });
    } else if (frame.t === "task") {
      socket.send(JSON.stringify({ t: "answer", task: frame.task, verdict: sandboxVerdict(frame.email) }));
    } else if (frame.t === "lease") {
      const report = () => {
        if (items.length === 0) setImmediate(flush);
        items.push({ chunk: frame.chunk, lease: frame.lease, outcome: "settled", drained: false });
        if (frame.chunk === watched) say({ watched, done });
      };
      if (holdMs > 0) setTimeout(report, holdMs);
      else report();
      count(frame.items.length);
    }
  });
  socket.on("error", (error) => say({ error: error.message }));
}

function count(addresses: number): void {
  if (done === 0) begunMs = performance.now();
  done += addresses;
  if (expected > 0 && done >= expected) {
    say({ done, ms: performance.now() - begunMs });
    expected = 0;
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const [order, value] = line.split(" ");
  if (order === "hold") {
    holdMs = Number(value);
    return;
  }
  if (order === "watch") {
    watched = value ?? "";
    return;
  }
  expected = Number(value);
  done = 0;
});
process.stdin.on("end", () => process.exit(0));
