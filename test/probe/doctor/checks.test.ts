import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blockLists } from "../../../probe/doctor/checks/block-lists.ts";
import { clock } from "../../../probe/doctor/checks/clock.ts";
import { database } from "../../../probe/doctor/checks/database.ts";
import { dmarc } from "../../../probe/doctor/checks/dmarc.ts";
import { edge } from "../../../probe/doctor/checks/edge.ts";
import { identity } from "../../../probe/doctor/checks/identity.ts";
import { port25 } from "../../../probe/doctor/checks/port25.ts";
import { reverseDns } from "../../../probe/doctor/checks/reverse-dns.ts";
import { senderMx } from "../../../probe/doctor/checks/sender-mx.ts";
import { spf } from "../../../probe/doctor/checks/spf.ts";
import { gravest } from "../../../probe/doctor/findings.ts";
import { condemnedBy } from "../../../probe/doctor/report-listed.ts";
import type { DoctorCheck, DoctorContext } from "../../../probe/doctor/types.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";
import { configOf, contextOf, fakeDns, mx } from "./fakes.ts";

const PTR = "44.33.22.11.in-addr.arpa";
const HELO = "probe-1.example.net";

async function stateOf(check: DoctorCheck, context: DoctorContext): Promise<string> {
  const { state, mend } = await check.run(context);
  // Whatever is wrong comes with a way to mend it.
  expect(mend !== null).toBe(state === "warn" || state === "fail");
  return state;
}

describe("reverse DNS", () => {
  const good = { [PTR]: { PTR: [HELO] }, [HELO]: { A: ["11.22.33.44"] } };

  test("PTR = HELO = A is well", async () => {
    expect(await stateOf(reverseDns, contextOf(fakeDns(good)))).toBe("ok");
  });

  test.each([
    ["no PTR record", { [HELO]: { A: ["11.22.33.44"] } }],
    ["a PTR record of the provider", { ...good, [PTR]: { PTR: ["vps-7.provider.test"] } }],
    ["a name that leads elsewhere", { ...good, [HELO]: { A: ["11.22.33.45"] } }],
    ["a name without address", { [PTR]: { PTR: [HELO] } }],
    ["a broken zone", { ...good, [PTR]: { PTR: "servfail" } }],
  ] as const)("%s fails", async (_, zones) => {
    expect(await stateOf(reverseDns, contextOf(fakeDns(zones)))).toBe("fail");
  });

  test("IPv6 addresses are asked for by nibbles and compared by value", async () => {
    const name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    const zones = { [name]: { PTR: [HELO] }, [HELO]: { AAAA: ["2001:0db8:0:0::1"] } };
    const sources = [{ local: null, helo: HELO, seen: "2001:db8::1" }];
    expect(await stateOf(reverseDns, contextOf(fakeDns(zones), { sources }))).toBe("ok");
  });

  test("one bad source address among good ones fails", async () => {
    const sources = ["11.22.33.44", "11.22.33.45"].map((seen) => ({ local: seen, helo: HELO, seen }));
    const finding = await reverseDns.run(contextOf(fakeDns(good), { sources }));
    expect(finding.state).toBe("fail");
    expect(finding.found).toContain("11.22.33.45");
    expect(finding.found).not.toContain("11.22.33.44");
  });
});

describe("policies of the sender domain", () => {
  test.each([
    ["v=spf1 ip4:11.22.33.44 -all", "ok"],
    ["v=spf1 -all", "fail"],
    ["v=spf1 ~all", "fail"],
    ["v=spf1 ?all", "warn"],
    ["v=spf1 bogus", "fail"],
    ["no policy", "fail"],
  ])("SPF %s: %s", async (text, expected) => {
    expect(await stateOf(spf, contextOf(fakeDns({ "example.net": { TXT: [text] } })))).toBe(expected);
  });

  test("DMARC is found at the domain or above it; none at all fails", async () => {
    const config = configOf({ PROBE_HELO_NAME: HELO, PROBE_MAIL_FROM: "check@mail.example.net" });
    const above = fakeDns({ "_dmarc.example.net": { TXT: ["v=DMARC1; p=reject"] } });
    expect(await stateOf(dmarc, contextOf(above, { config }))).toBe("ok");
    expect(await stateOf(dmarc, contextOf(fakeDns({}), { config }))).toBe("fail");
    const two = fakeDns({ "_dmarc.example.net": { TXT: ["v=DMARC1; p=none", "v=DMARC1; p=reject"] } });
    expect(await stateOf(dmarc, contextOf(two, { config }))).toBe("fail");
  });
});

describe("block lists", () => {
  const LIST = "list.test";
  const name = `44.33.22.11.${LIST}`;
  const works = { [`2.0.0.127.${LIST}`]: { A: ["127.0.0.2"] } };

  test.each([
    ["not listed on a working list", works, "ok"],
    ["listed", { ...works, [name]: { A: ["127.0.0.4"], TXT: ["see https://list.test"] } }, "fail"],
    [
      "a list that lists everybody",
      { ...works, [name]: { A: ["127.0.0.2"] }, [`1.0.0.127.${LIST}`]: { A: ["127.0.0.2"] } },
      "warn",
    ],
    ["query refused (127.255.255.254)", { ...works, [name]: { A: ["127.255.255.254"] } }, "warn"],
    ["an address outside 127.0.0.0/8", { ...works, [name]: { A: ["93.184.216.34"] } }, "warn"],
    ["a list that does not know its own test entry", {}, "warn"],
    ["a list that times out", { [name]: { A: "timeout" } }, "warn"],
  ] as const)("%s", async (_, zones, expected) => {
    expect(await stateOf(blockLists, contextOf(fakeDns(zones), { blockLists: [LIST] }))).toBe(expected);
  });

  test("a listed address is condemned by its local name; a policy listing is only to be mended", async () => {
    const sources = [
      { local: "10.0.0.5", helo: HELO, seen: "11.22.33.44" },
      { local: "10.0.0.6", helo: HELO, seen: "11.22.33.45" },
    ];
    const other = `45.33.22.11.${LIST}`;
    const both = { ...works, [name]: { A: ["127.0.0.4"] }, [other]: { A: ["127.0.0.10"] } };
    const context = contextOf(fakeDns(both), { blockLists: [LIST], sources });
    expect(await blockLists.run(context)).toMatchObject({ state: "fail", condemned: ["10.0.0.5"] });
    const results = [{ id: "block_lists", title: "", ...(await blockLists.run(context)) }];
    expect(condemnedBy(results)).toMatchObject([{ source: "10.0.0.5", reason: expect.stringContaining(LIST) }]);
    const chosen = contextOf(fakeDns(both), { blockLists: [LIST] });
    expect(await blockLists.run(chosen)).toMatchObject({ condemned: [""] });
    expect(condemnedBy([{ id: "spf", title: "", state: "fail", found: "x", mend: "y" }])).toEqual([]);
  });

  test("private addresses are not looked for", async () => {
    const sources = [{ local: "127.0.0.1", helo: HELO, seen: "127.0.0.1" }];
    const dns = fakeDns({});
    expect(await stateOf(blockLists, contextOf(dns, { blockLists: [LIST], sources }))).toBe("skipped");
    expect(dns.asked).toEqual([]);
  });
});

test("a probe on the internet without an identity page is warned", async () => {
  expect(await stateOf(identity, contextOf(fakeDns({})))).toBe("warn");
  expect(await stateOf(identity, contextOf(fakeDns({}), { identityPort: "80" }))).toBe("ok");
});

describe("edge and clock", () => {
  const answer = { kind: "answered", status: 200, detail: "", skewMs: 0, observed: null } as const;
  const config = configOf({ PROBE_HELO_NAME: HELO, EDGE_URL: "https://edge.test", PROBE_TOKEN: "pt_probe-1_x" });
  const at = (changes: object) => contextOf(fakeDns({}), { config, edge: { ...answer, ...changes } });

  test("a token that is refused, and an edge that is away, fail", async () => {
    expect(await stateOf(edge, at({}))).toBe("ok");
    expect(await stateOf(edge, at({ status: 401, detail: "revoked" }))).toBe("fail");
    expect(await stateOf(edge, at({ status: 503 }))).toBe("fail");
    const away = contextOf(fakeDns({}), { config, edge: { kind: "unreachable", detail: "ECONNREFUSED" } });
    expect(await stateOf(edge, away)).toBe("fail");
  });

  test.each([
    [0, "ok"],
    [-1_900, "ok"],
    [5_000, "warn"],
    [-5_000, "warn"],
    [60_000, "fail"],
  ])("a clock %d ms away: %s", async (skewMs, expected) => {
    expect(await stateOf(clock, at({ skewMs }))).toBe(expected);
  });
});

describe("database", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await freshDatabase();
  });
  afterAll(() => db.drop());

  const as = (url: string) =>
    contextOf(fakeDns({}), { config: configOf({ PROBE_HELO_NAME: HELO, DATABASE_URL: url }) });

  test("the role probe is well; a mightier one, another one and none fail", async () => {
    expect(await stateOf(database, as(db.roleUrl("probe")))).toBe("ok");
    expect(await stateOf(database, as(db.superuserUrl))).toBe("fail");
    expect(await stateOf(database, as(db.roleUrl("courier")))).toBe("fail");
    expect(await stateOf(database, as("postgres://probe:secret@127.0.0.1:1/nowhere"))).toBe("fail");
  });

  test("the finding never shows the password", async () => {
    const finding = await database.run(as("postgres://probe:hunter2@127.0.0.1:1/nowhere"));
    expect(JSON.stringify(finding)).not.toContain("hunter2");
  });
});

describe("mail hosts", () => {
  const servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

  afterAll(async () => {
    for (const { server, sockets } of servers) {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    }
  });

  /** A mail host that says `banner` and then one reply after the other, each to the next command. */
  async function hostThat(banner: string | null, ...replies: string[]): Promise<{ port: number; heard: string[] }> {
    const heard: string[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      if (banner === null) return;
      socket.write(`${banner}\r\n`);
      const left = [...replies];
      socket.on("data", (bytes) => {
        heard.push(...bytes.toString().trim().split("\r\n"));
        const reply = left.shift();
        if (reply !== undefined) socket.write(`${reply}\r\n`);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push({ server, sockets });
    const address = server.address();
    return { port: typeof address === "object" && address !== null ? address.port : 0, heard };
  }

  const zones = {
    "example.net": { MX: mx("mx.example.net") },
    "big.test": { MX: mx("mx.example.net") },
    "mx.example.net": { A: ["127.0.0.1"] },
  };

  const near = (port: number): DoctorContext =>
    contextOf(fakeDns(zones), {
      config: configOf({
        PROBE_HELO_NAME: HELO,
        PROBE_MAIL_FROM: "check@example.net",
        PROBE_SMTP_PORT: String(port),
        PROBE_ALLOW_PRIVATE_NETWORKS: "1",
      }),
      mailDomains: ["big.test"],
      sources: [{ local: "127.0.0.1", helo: HELO, seen: "127.0.0.1" }],
    });

  test("a sender that is accepted at once is well, and is asked for with the null sender", async () => {
    const host = await hostThat("220 mx", "250-mx\r\n250 SIZE", "250 ok", "250 ok");
    expect(await stateOf(senderMx, near(host.port))).toBe("ok");
    expect(host.heard.slice(0, 3)).toEqual([`EHLO ${HELO}`, "MAIL FROM:<>", "RCPT TO:<check@example.net>"]);
  });

  test.each([
    ["greylisting", ["250 mx", "250 ok", "450 4.2.0 Greylisted"]],
    ["an unknown sender", ["250 mx", "250 ok", "550 5.1.1 no such user"]],
    ["the null sender refused", ["250 mx", "550 5.7.1 no null sender"]],
    ["a protocol that is not SMTP", ["hello"]],
  ])("%s fails", async (_, replies) => {
    const host = await hostThat("220 mx", ...replies);
    expect(await stateOf(senderMx, near(host.port))).toBe("fail");
  });

  test("nobody at the sender's MX fails", async () => {
    expect(await stateOf(senderMx, near(1))).toBe("fail");
    expect(await stateOf(port25, near(1))).toBe("fail");
  });

  test("names that cannot be looked up are trouble of the DNS, not of the way out or of the sender", async () => {
    const silent = fakeDns({ "big.test": { MX: "timeout" }, "example.net": { MX: "servfail" } });
    const context = { ...near(1), resolver: silent };
    expect(await port25.run(context)).toMatchObject({
      state: "fail",
      mend: expect.stringContaining("PROBE_DNS_SERVERS"),
    });
    expect(await stateOf(senderMx, context)).toBe("warn");
  });

  test("a greeting proves the way out; a refusal in the banner is about us", async () => {
    expect(await stateOf(port25, near((await hostThat("220 mx")).port))).toBe("ok");
    const finding = await port25.run(near((await hostThat("554 5.7.1 your address is blocked")).port));
    expect(finding.state).toBe("fail");
    expect(finding.found).toContain("your address is blocked");
  });
});

test("the gravest of several findings counts, with each mend once", () => {
  const warned = { state: "warn", found: "a", mend: "do this." } as const;
  expect(gravest([])).toEqual({ state: "skipped", found: "", mend: null });
  expect(gravest([{ state: "ok", found: "x", mend: null }, warned, { ...warned, found: "b" }])).toEqual({
    state: "warn",
    found: "a; b",
    mend: "do this.",
  });
});
