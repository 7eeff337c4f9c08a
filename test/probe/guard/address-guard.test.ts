import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, request } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { AddressRefused, guardedConnector, guardedLookup, vetAddress } from "../../../probe/guard/address-guard.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A listener on loopback that counts connections. */
async function listener(): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer((_, response) => void response.writeHead(204).end());
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

function agent(allowPrivate: boolean, answers: readonly string[]): Agent {
  const connect = guardedConnector({ timeout: 2_000, allowH2: false }, allowPrivate, async () => answers);
  const made = new Agent({ connect });
  closers.push(() => made.destroy());
  return made;
}

const get = (url: string, dispatcher: Agent) => request(url, { dispatcher }).then((r) => r.statusCode);

describe("vetting an address", () => {
  it("lets loopback through only where private networks are allowed", () => {
    expect(vetAddress("127.0.0.1", false)).toEqual({ ok: false, error: { kind: "not-public", ip: "127.0.0.1" } });
    expect(vetAddress("127.0.0.1", true).ok).toBe(true);
    expect(vetAddress("8.8.8.8", false).ok).toBe(true);
  });
});

describe("the guarded connector", () => {
  it.each(["127.0.0.1", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "①②⑦.0.0.1"])(
    "opens no connection to the literal %s",
    async (host) => {
      const { port, connections } = await listener();
      await expect(get(`http://${host}:${port}/`, agent(false, []))).rejects.toBeInstanceOf(AddressRefused);
      expect(connections()).toBe(0);
    },
  );

  it("opens no connection to a name that resolves to loopback", async () => {
    const { port, connections } = await listener();
    const dispatcher = agent(false, ["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
    await expect(get(`http://hooks.example.com:${port}/`, dispatcher)).rejects.toBeInstanceOf(AddressRefused);
    expect(connections()).toBe(0);
  });

  it("refuses a name whose answer changes to a private address after it was vetted", async () => {
    const { port, connections } = await listener();
    const answers = [["93.184.215.14"], ["127.0.0.1"]];
    const resolve = async () => answers.shift() ?? [];
    const [vetted = ""] = await resolve();
    expect(vetAddress(vetted, false).ok).toBe(true);
    const dispatcher = new Agent({ connect: guardedConnector({ timeout: 2_000, allowH2: false }, false, resolve) });
    closers.push(() => dispatcher.destroy());
    await expect(get(`http://rebinding.example.com:${port}/`, dispatcher)).rejects.toBeInstanceOf(AddressRefused);
    expect(connections()).toBe(0);
  });

  it("connects to loopback by literal and by name where private networks are allowed", async () => {
    const { port, connections } = await listener();
    expect(await get(`http://127.0.0.1:${port}/`, agent(true, []))).toBe(204);
    expect(await get(`http://hooks.example.com:${port}/`, agent(true, ["127.0.0.1"]))).toBe(204);
    expect(connections()).toBe(2);
  });
});

describe("the guarded look-up", () => {
  const look = (answers: readonly string[], options: { all?: boolean; family?: number }) =>
    new Promise((resolve) => {
      guardedLookup(false, async () => answers)("a.example", options, (error, address, family) =>
        resolve(error ?? (options.all ? address : [address, family])),
      );
    });

  it("hands over public addresses only, and drops the rest of a mixed answer", async () => {
    expect(await look(["10.0.0.1", "1.1.1.1", "fd00::1", "2606:4700::1"], { all: true })).toEqual([
      { address: "1.1.1.1", family: 4 },
      { address: "2606:4700::1", family: 6 },
    ]);
  });

  it("keeps to the family asked for", async () => {
    expect(await look(["1.1.1.1", "2606:4700::1"], { family: 6 })).toEqual(["2606:4700::1", 6]);
  });

  it("passes on the resolver's own error", async () => {
    const failure = Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
    const lookup = guardedLookup(false, () => Promise.reject(failure));
    expect(await new Promise((resolve) => lookup("a.example", { all: true }, (error) => resolve(error)))).toBe(failure);
  });
});
