/**
 * Fifty webhook receivers on loopback in a process of their own: 127.0.50.1 to .50 on one port, printed on stdout. It
 * takes the smallest work a receiver can do, so that the bench measures the courier. Told "stall N" by its parent, the
 * first N never answer again.
 */

import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";

const HOSTS = 50;
const ANSWER = "HTTP/1.1 204 No Content\r\n\r\n";

let stalled = 0;
process.on("message", (count) => {
  stalled = Number(count);
});
process.on("disconnect", () => process.exit(0));

/** Answers each request of a connection: head up to the empty line, then content-length bytes. */
function serve(socket: Socket, host: number): void {
  let text = "";
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
    for (;;) {
      const head = text.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
      if (text.length < head + 4 + length) return;
      text = text.slice(head + 4 + length);
      if (host > stalled) socket.write(ANSWER);
    }
  });
}

let port = 0;
for (let host = 1; host <= HOSTS; host += 1) {
  const server = createServer((socket) => serve(socket, host));
  await new Promise<void>((resolve) => server.listen(port, `127.0.50.${host}`, 1_024, resolve));
  port = (server.address() as AddressInfo).port;
}
process.send?.(port);
