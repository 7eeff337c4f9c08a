/**
 * Keeps HTTP connections busy with one request, for the benches: `node dev/bench/http-load.ts` reads a JSON line
 * `{url, connections, seconds, headers, body}` on standard input and prints `{answers, seconds, other}`, where `other`
 * counts answers that were not 200. A process of its own, so that its work is not the server's.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { z } from "zod";

const orderSchema = z.object({
  url: z.url(),
  connections: z.number(),
  seconds: z.number(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});
const order = orderSchema.parse(JSON.parse(await text(process.stdin)));
const url = new URL(order.url);
const lines = Object.entries({
  host: url.host,
  ...order.headers,
  "content-length": String(Buffer.byteLength(order.body)),
});
const request = `POST ${url.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${order.body}`;

let answers = 0;
let other = 0;
const begun = performance.now();
const until = begun + order.seconds * 1000;

/** One connection: request, whole answer, request. An answer ends by its length or by its last chunk. */
async function run(): Promise<void> {
  const socket = connect(Number(url.port), url.hostname);
  socket.setNoDelay(true).setEncoding("latin1");
  await once(socket, "connect");
  let held = "";
  socket.on("data", (piece: string) => {
    held += piece;
    const head = held.indexOf("\r\n\r\n");
    if (head < 0 || !isWhole(held, head + 4)) return;
    answers += 1;
    if (!held.startsWith("HTTP/1.1 200")) other += 1;
    held = "";
    if (performance.now() < until) socket.write(request);
    else socket.end();
  });
  socket.write(request);
  await once(socket, "close");
}

function isWhole(answer: string, bodyAt: number): boolean {
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, bodyAt))?.[1];
  return length === undefined ? answer.endsWith("0\r\n\r\n") : answer.length - bodyAt >= Number(length);
}

await Promise.all(Array.from({ length: order.connections }, run));
process.stdout.write(JSON.stringify({ answers, seconds: (performance.now() - begun) / 1000, other }));
