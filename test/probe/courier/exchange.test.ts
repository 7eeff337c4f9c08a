import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Agent } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { Exchange } from "../../../probe/courier/exchange.ts";
import { RESPONSE_KEPT_BYTES, TIMING } from "../../../probe/courier/limits.ts";
import { guardedConnector, type ResolveHost } from "../../../probe/guard/address-guard.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A peer that does what `serve` says once the head of a request has come, and counts requests. */
async function peer(
  serve: (socket: Socket) => void,
): Promise<{ port: number; requests: () => number; idle: Promise<unknown> }> {
  const sockets = new Set<Socket>();
  const idle = Promise.withResolvers<void>();
  let requests = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => idle.resolve());
    socket.once("data", () => {
      requests += 1;
      serve(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests: () => requests, idle: idle.promise };
}

function exchange(
  port: number,
  timing: Partial<typeof TIMING> = {},
  resolve: ResolveHost = async () => ["127.0.0.1"],
): Exchange {
  const agent = new Agent({ connect: guardedConnector({ timeout: 5_000, allowH2: false }, true, resolve) });
  closers.push(() => agent.destroy());
  const post = { url: new URL(`http://hook.example:${port}/a?b=c`), headers: { "x-a": "b" }, body: "{}" };
  return new Exchange(agent, post, { ...TIMING, ...timing });
}

describe("an exchange", () => {
  it("ends by its status while a response body goes on forever, and closes the connection", async () => {
    const { port, idle } = await peer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      const flood = () => {
        while (socket.writable && socket.write(`400\r\n${"x".repeat(1_024)}\r\n`));
      };
      socket.on("drain", flood);
      flood();
    });
    const outcome = await exchange(port, { bodyMs: 60_000 }).outcome;
    expect(outcome).toMatchObject({ kind: "response", status: 200 });
    expect(outcome.kind === "response" && outcome.body.length).toBe(RESPONSE_KEPT_BYTES);
    await idle;
  });

  it("ends by its status when the body never comes", async () => {
    const { port, idle } = await peer(
      (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
    );
    expect(await exchange(port, { bodyMs: 50 }).outcome).toMatchObject({ status: 200, body: "abc" });
    await idle;
  });

  it("waits for the final status behind informational ones", async () => {
    const answer = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    const { port } = await peer((socket) => void socket.write(answer));
    expect(await exchange(port).outcome).toEqual({ kind: "response", status: 500, retryAfter: "7", body: "" });
  });

  it.each([
    ["that closes without a word", (socket: Socket) => socket.end()],
    ["that resets", (socket: Socket) => socket.resetAndDestroy()],
    ["that does not speak HTTP", (socket: Socket) => socket.write("220 mail.example ESMTP\r\n")],
    [
      "that floods with headers",
      (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\n${`x: ${"y".repeat(1_000)}\r\n`.repeat(40)}`),
    ],
  ])("with a peer %s is a network failure", async (_, serve) => {
    const { port } = await peer((socket) => void serve(socket));
    expect((await exchange(port).outcome).kind).toBe("network");
  });

  it("that ran out of time while its name was resolved is never sent", async () => {
    const { port, requests } = await peer(() => {});
    const answer = Promise.withResolvers<string[]>();
    const late = exchange(port, { totalMs: 30 }, () => answer.promise);
    expect(await late.outcome).toEqual({ kind: "timeout", stage: "connect" });
    answer.resolve(["127.0.0.1"]);
    // The connection that was being made carries nothing, and a request after it is the first the peer sees.
    const next = exchange(port, { totalMs: 100 });
    await next.outcome;
    expect(requests()).toBe(1);
  });

  it("that is interrupted says so, once", async () => {
    const reached = Promise.withResolvers<void>();
    const { port, idle } = await peer(() => reached.resolve());
    const cut = exchange(port);
    await reached.promise;
    cut.interrupt();
    cut.interrupt();
    expect(await cut.outcome).toEqual({ kind: "interrupted" });
    await idle;
  });
});
