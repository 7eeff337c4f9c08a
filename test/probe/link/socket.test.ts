import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type Link, startLink } from "../../../probe/link/socket.ts";

let server: Server;
let link: Link;
afterEach(() => {
  link.cut();
  server.close();
  server.closeAllConnections();
});

function connect(onLoss: (why: string) => void): Link {
  const { port } = server.address() as AddressInfo;
  const me = { probe: "p1", build: "test", region: "eu", sources: [], slots: 1, window: 1, capabilities: [] };
  return startLink(
    { edgeUrl: `http://127.0.0.1:${port}`, token: "pt_p1_x", me, shard: null, onWelcome: () => {}, onLoss },
    { work() {}, task() {}, detach() {}, windUp() {}, held: () => 0, report: () => null },
  );
}

// Left open, its later reset would be an error that nobody hears, which ends the process.
test("the connection of a refused upgrade is closed, although the edge would keep it", async () => {
  server = createServer();
  const upgrade = once(server, "upgrade");
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const lost = Promise.withResolvers<string>();
  link = connect(lost.resolve);
  const socket: Socket = (await upgrade)[1];
  const closed = once(socket, "end");
  socket.resume();
  const body = '{"detail":"The token cannot be checked now."}';
  socket.write(`HTTP/1.1 503 Service Unavailable\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  expect(await lost.promise).toBe("the edge answered 503: The token cannot be checked now.");
  await closed;
  socket.destroy();
});
