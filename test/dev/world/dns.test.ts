import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { decode, encode } from "dns-packet";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "../../../dev/world/world.ts";
import { recipients, resolver } from "./client.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ smtpPort: 0 });
});
afterAll(() => world.close());

/** The MX names of a domain of the world, or the error code of the look-up. */
async function mx(name: string): Promise<string[] | string> {
  try {
    const found = await resolver(world).resolveMx(`${name}.mailworld.net`);
    return found.toSorted((a, b) => a.priority - b.priority).map((record) => record.exchange);
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "?";
  }
}

/** One question over UDP, without EDNS; the decoded answer. */
async function ask(name: string, type: "MX" | "A") {
  const socket = createSocket("udp4");
  socket.send(
    encode({ type: "query", id: 7, flags: 256, questions: [{ type, name }] }),
    Number(world.dns.split(":")[1]),
    "127.0.0.1",
  );
  const [message] = await once(socket, "message");
  socket.close();
  return decode(message as Buffer);
}

test("the ways in which a look-up can fail are told apart", async () => {
  expect(await mx("nxdomain")).toBe("ENOTFOUND");
  expect(await mx("nodata")).toBe("ENODATA");
  expect(await mx("servfail")).toBe("ESERVFAIL");
  expect(await mx("refused")).toBe("EREFUSED");
  expect(await mx("cname-loop")).toBe("ESERVFAIL");
  expect(await mx("dns-timeout")).toBe("ETIMEOUT");
});

test("null MX, dead first hosts, CNAMEs and tenants' own MX names look like the real ones", async () => {
  expect(await mx("null-mx")).toEqual([""]);
  expect(await mx("dead-first")).toEqual(["mx1.dead-first.mailworld.net", "mx2.dead-first.mailworld.net"]);
  expect(await mx("cname")).toEqual(["mx.cname.mailworld.net"]);
  expect(await mx("m365-12")).toEqual(["m365-12-mailworld-net.mail.protection.outlook.com"]);
  expect(await resolver(world).resolveTxt("_mailsonar.optout.mailworld.net")).toEqual([["probe=no"]]);
});

test("numbered domains exist for every personality, from 0 to 9999, and nothing else does", async () => {
  expect(await mx("catchall-0")).toEqual(await mx("catchall-9999"));
  expect(await mx("catchall-10000")).toBe("ENOTFOUND");
  expect(await mx("no-such-thing-1")).toBe("ENOTFOUND");
  expect(new Set([await mx("accept-1"), await mx("accept-2"), await mx("accept-51")].flat()).size).toBe(2);
});

test("a truncated answer says so over UDP and is whole over TCP", async () => {
  const short = await ask("truncated.mailworld.net", "MX");
  expect([short.flag_tc, short.answers?.length]).toEqual([true, 0]);
  expect(await mx("truncated")).toEqual(["mx.truncated.mailworld.net"]);
  expect(world.stats().dns.tcp).toBeGreaterThan(0);
});

test("an answer beyond 512 bytes is truncated for a client without EDNS", async () => {
  expect((await ask("many-mx.mailworld.net", "MX")).flag_tc).toBe(true);
  expect(await mx("many-mx")).toHaveLength(30);
});

test("every live host has a PTR that leads back to it", async () => {
  const dns = resolver(world);
  const [address] = await dns.resolve4("gmail-smtp-in.l.google.com");
  expect(await dns.reverse(address ?? "")).toEqual(["gmail-smtp-in.l.google.com"]);
});

test("a dead host refuses, a black hole does not answer at all", async () => {
  const dns = resolver(world);
  const dial = async (name: string) => {
    const [host] = await dns.resolve4(name);
    const socket = connect({ host: host ?? "", port: world.smtpPort, timeout: 200 });
    const outcome = Promise.race([
      once(socket, "connect").then(() => "connected"),
      once(socket, "timeout").then(() => "nothing"),
    ]).catch((error: NodeJS.ErrnoException) => error.code);
    const seen = await outcome;
    socket.destroy();
    return seen;
  };
  expect(await dial("mx1.dead-first.mailworld.net")).toBe("ECONNREFUSED");
  expect(await dial("mx1.blackhole-first.mailworld.net")).toBe("nothing");
});

test("a domain added while the world runs is served at once, with its own words and its own truth", async () => {
  await world.addDomain({
    domain: "added.net",
    script: { banner: "220 {host} fresh" },
    box: { unknown: { reply: "550 never heard of {local}", now: "mailbox_not_found" } },
  });
  expect(await recipients(world, "added.net", ["user1", "nobody1"])).toEqual([
    "250 2.1.5 Ok",
    "550 never heard of nobody1",
  ]);
  await world.addDomain({ domain: "alike.net", like: "catchall" });
  expect(await recipients(world, "alike.net", ["nobody1"])).toEqual(["250 2.1.5 Ok"]);
  expect(world.truth("nobody1@alike.net").now.reason).toBe("catch_all");
  expect(world.truth("nobody1@nowhere.net").now.reason).toBe("domain_not_found");
});
