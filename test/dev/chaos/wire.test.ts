import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startWire, type Wire } from "../../../dev/chaos/wire.ts";

let echo: Server;
let wire: Wire;
let client: Socket;
beforeEach(async () => {
  echo = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  wire = await startWire((echo.address() as AddressInfo).port);
  client = connect(wire.port, "127.0.0.1");
  client.on("error", () => {});
  await once(client, "connect");
});
afterEach(async () => {
  client.destroy();
  await wire.close();
  const closed = once(echo, "close");
  echo.close();
  await closed;
});

/** What comes back, until that many characters have. */
async function read(chars: number): Promise<string> {
  let text = "";
  while (text.length < chars) text += String((await once(client, "data"))[0]);
  return text;
}

test("pieces keep their order although the delay changes between them", async () => {
  const back = read(9);
  wire.delay(30);
  client.write("one");
  wire.delay(0);
  client.write("two");
  wire.delay(5);
  client.write("six");
  expect(await back).toBe("onetwosix");
});

test("nothing passes a stalled wire until it resumes", async () => {
  client.write("before");
  expect(await read(6)).toBe("before");
  let passed = "";
  client.on("data", (bytes) => {
    passed += String(bytes);
  });
  wire.stall();
  client.write("after");
  // Another wire to the same server carries a message there and back meanwhile.
  const other = await startWire((echo.address() as AddressInfo).port);
  const second = connect(other.port, "127.0.0.1");
  second.write("hello");
  await once(second, "data");
  expect(passed).toBe("");
  wire.resume();
  while (passed.length < 5) await once(client, "data");
  expect(passed).toBe("after");
  second.destroy();
  await other.close();
});

test("a cut resets what is open and lets new connections through", async () => {
  client.write("hello");
  await read(5);
  const closed = new Promise((resolve) => client.once("close", resolve));
  expect(wire.cut()).toBe(1);
  await closed;
  client = connect(wire.port, "127.0.0.1");
  client.write("again");
  expect(await read(5)).toBe("again");
});
