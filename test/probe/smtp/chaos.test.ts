import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { expect, it } from "vitest";
import { PROFILES, type Profile } from "../../../probe/pace/profile.ts";
import { type HostPace, Pool } from "../../../probe/smtp/pool.ts";
import { visitAbout } from "./small-hosts.ts";

const HOSTS = 20;
const VISITS = 100;
const RECIPIENTS = 40;

const HASTY: Profile = {
  ...PROFILES.lab,
  failFastMs: 20,
  times: { connectMs: 300, bannerMs: 300, rcptMs: 300, replyMs: 300 },
};

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A host that answers most commands, and now and then resets, closes, falls silent, or talks nonsense. */
function moody(socket: Socket, random: () => number): void {
  let silent = false;
  let rest = "";
  const misbehave = (roll: number): boolean => {
    if (roll < 0.004) socket.resetAndDestroy();
    else if (roll < 0.008) socket.end();
    else if (roll < 0.01) silent = true;
    else if (roll < 0.012) socket.write("999 what?\r\n");
    else if (roll < 0.014) socket.end("421 4.3.2 going down\r\n");
    else return false;
    return true;
  };
  socket.on("error", () => {});
  if (misbehave(random() / 10)) return;
  socket.write("220 moody.test ESMTP\r\n");
  socket.on("data", (bytes) => {
    const lines = (rest + bytes.toString("latin1")).split("\r\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (silent || !socket.writable || misbehave(random())) return;
      if (line.startsWith("EHLO")) socket.write("250-moody.test\r\n250 PIPELINING\r\n");
      else if (line === "QUIT") socket.end("221 bye\r\n");
      else socket.write(random() < 0.3 && line.startsWith("RCPT") ? "550 5.1.1 unknown\r\n" : "250 2.0.0 Ok\r\n");
    }
  });
}

type Chaos = { readonly servers: Server[]; readonly sockets: Set<Socket>; readonly port: number };

async function startChaos(random: () => number): Promise<Chaos> {
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  let port = 0;
  for (let i = 0; i < HOSTS; i += 1) {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      moody(socket, random);
    });
    server.listen(port, `127.0.52.${i + 1}`);
    await once(server, "listening");
    const bound = server.address();
    if (bound !== null && typeof bound === "object") port = bound.port;
    servers.push(server);
  }
  return { servers, sockets, port };
}

const pace: HostPace = {
  limits: { connections: 2, rcptPerConnection: 200, refusalsPerConnection: 18, maxRsets: null },
  grant: (wanted) => ({ recipients: wanted, waitMs: null }),
  connected() {},
  answered() {},
  lane: null,
};

const turn = () => new Promise((resolve) => setImmediate(resolve));
const resources = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name.startsWith("TCP")).length;

it("leaves no socket, timer or listener behind when hosts die, reset and stall at random", async () => {
  const random = generator(7);
  const before = resources();
  const chaos = await startChaos(random);
  const pool = new Pool({
    profile: HASTY,
    port: chaos.port,
    idleMax: 5,
    idleMs: 60_000,
    now: Date.now,
    record: null,
  });
  const visits = Array.from({ length: VISITS }, (_, i) => {
    const { visit, over } = visitAbout(
      Array.from({ length: RECIPIENTS }, (_unused, n) => `user${n}@host${i % HOSTS}.test`),
      i % 9 === 0,
    );
    const host = (i % HOSTS) + 1;
    // Every fourth host has a dead address before its living one.
    const addresses = host % 4 === 0 ? ["127.0.53.1", `127.0.52.${host}`] : [`127.0.52.${host}`];
    const target = { name: `mx.host${host}.test`, addresses, source: "any", helo: "prober.test" };
    const queue = pool.submit(target, visit, () => pace);
    // Some callers do not wait.
    if (i % 10 === 3) setImmediate(() => queue.cancel(visit));
    return over;
  });
  const half = Promise.all(visits.slice(0, VISITS / 2));
  await half;
  // Hosts die for good, with connections open and work under way.
  for (const server of chaos.servers.splice(0, HOSTS / 2)) server.close();
  for (const socket of chaos.sockets) if (random() < 0.5) socket.destroy();
  const questions = (await Promise.all(visits)).flat();
  expect(questions).toHaveLength(VISITS * RECIPIENTS);
  for (const { reply, trouble } of questions) expect(reply !== null || trouble !== null).toBe(true);
  // There was something to survive, and most of it was survived.
  expect(questions.filter(({ reply }) => reply !== null).length).toBeGreaterThan(questions.length / 2);
  expect(questions.filter(({ trouble }) => trouble !== null).length).toBeGreaterThan(0);
  await pool.close();
  expect(pool.stats().open).toBe(0);
  for (const socket of chaos.sockets) socket.destroy();
  for (const server of chaos.servers) server.close();
  for (let i = 0; i < 10_000 && resources() > before; i += 1) await turn();
  expect(resources()).toBeLessThanOrEqual(before);
}, 30_000);
