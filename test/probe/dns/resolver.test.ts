import { describe, expect, it } from "vitest";
import type { RawAnswer, RecordType } from "../../../probe/dns/message.ts";
import { createResolver } from "../../../probe/dns/resolver.ts";
import type { Exchange, Transport } from "../../../probe/dns/transport.ts";

const SERVERS = [
  { host: "127.0.0.1", port: 1 },
  { host: "127.0.0.1", port: 2 },
];

type Said = {
  readonly kind: string;
  readonly records?: readonly unknown[];
  readonly ttlMs?: number;
  readonly target?: string;
};
/** A transport that answers from a script: by port, name and type. */
function scripted(
  answer: (port: number, name: string, type: RecordType) => Said | Promise<Said>,
): Transport & { readonly asked: string[] } {
  const asked: string[] = [];
  const exchange: Exchange = async (server, name, type) => {
    asked.push(`${server.port} ${name} ${type}`);
    // The script's author sees to it that records fit the type.
    return (await answer(server.port, name, type)) as RawAnswer<never>;
  };
  return { asked, exchange, close: () => undefined };
}
const a = (ip: string, ttlMs = 60_000): Said => ({ kind: "records", records: [ip], ttlMs });

describe("the resolver", () => {
  it("keeps an answer for its TTL and no longer", async () => {
    let now = 0;
    const transport = scripted(() => a("192.0.2.1"));
    const resolver = createResolver({ servers: SERVERS, now: () => now, transport });
    await resolver.query("x.net", "A");
    now = 59_999;
    await resolver.query("x.net", "A");
    expect(transport.asked).toHaveLength(1);
    now = 60_000;
    await resolver.query("x.net", "A");
    expect(transport.asked).toHaveLength(2);
    expect(resolver.stats()).toEqual({ queries: 2, hits: 1 });
  });

  it("keeps texts for an hour at most, so that an opt-out is heard, and other records for a day", async () => {
    let now = 0;
    const transport = scripted((_port, _name, type) =>
      type === "TXT" ? a("v=spf1 -all", 86_400_000) : a("192.0.2.1", 86_400_000),
    );
    const resolver = createResolver({ servers: SERVERS, now: () => now, transport });
    const askBoth = () => Promise.all([resolver.query("x.net", "TXT"), resolver.query("x.net", "A")]);
    await askBoth();
    now = 3_600_000;
    await askBoth();
    expect(transport.asked).toEqual(["1 x.net TXT", "1 x.net A", "1 x.net TXT"]);
  });

  it("asks once for many who ask at the same time", async () => {
    const transport = scripted(() => a("192.0.2.1"));
    const resolver = createResolver({ servers: SERVERS, now: () => 0, transport });
    await Promise.all(Array.from({ length: 50 }, () => resolver.query("x.net", "A")));
    expect(transport.asked).toHaveLength(1);
  });

  it.each(["servfail", "lame", "timeout", "malformed"])(
    "goes to the next server after %s, and starts there after a timeout",
    async (kind) => {
      const transport = scripted((port) => (port === 1 ? { kind } : a("192.0.2.1")));
      const resolver = createResolver({ servers: SERVERS, now: () => 0, transport });
      expect(await resolver.query("x.net", "A")).toMatchObject({ kind: "records" });
      await resolver.query("y.net", "A");
      expect(transport.asked[2]).toBe(kind === "timeout" ? "2 y.net A" : "1 y.net A");
    },
  );

  it("says what the most telling server said when none knows, and remembers it briefly", async () => {
    let now = 0;
    const transport = scripted((port) => ({ kind: port === 1 ? "servfail" : "timeout" }));
    const resolver = createResolver({ servers: SERVERS, now: () => now, transport });
    expect(await resolver.query("x.net", "MX")).toEqual({ kind: "servfail" });
    const asked = transport.asked.length;
    await resolver.query("x.net", "MX");
    expect(transport.asked).toHaveLength(asked);
    now = 60_000;
    await resolver.query("x.net", "MX");
    expect(transport.asked.length).toBeGreaterThan(asked);
  });

  it("asks every server twice before it calls a silence a timeout", async () => {
    const transport = scripted(() => ({ kind: "timeout" }));
    const resolver = createResolver({ servers: SERVERS, now: () => 0, transport });
    expect(await resolver.query("x.net", "A")).toEqual({ kind: "timeout" });
    expect(transport.asked).toHaveLength(4);
  });

  it("follows an alias, and not for ever", async () => {
    const chain = scripted((_, name) =>
      name === "c.net" ? a("192.0.2.1") : { kind: "alias", target: name === "a.net" ? "b.net" : "c.net" },
    );
    expect(
      await createResolver({ servers: SERVERS, now: () => 0, transport: chain }).query("a.net", "A"),
    ).toMatchObject({ kind: "records" });
    const loop = scripted(() => ({ kind: "alias", target: "a.net" }));
    expect(await createResolver({ servers: SERVERS, now: () => 0, transport: loop }).query("a.net", "A")).toEqual({
      kind: "servfail",
    });
  });

  it("has a bounded number of questions on the wire", async () => {
    let open = 0;
    let most = 0;
    const transport = scripted(async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return a("192.0.2.1");
    });
    const resolver = createResolver({ servers: SERVERS, now: () => 0, transport });
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => resolver.query(`${i}.net`, "A")));
    expect(most).toBe(128);
  });

  it("forgets the oldest answers when its memory is full", async () => {
    const transport = scripted(() => a("192.0.2.1"));
    const resolver = createResolver({ servers: SERVERS, now: () => 0, transport, cacheMaxEntries: 40 });
    for (let i = 0; i < 20; i += 1) await resolver.query(`${i}.net`, "A");
    await resolver.query("19.net", "A");
    await resolver.query("0.net", "A");
    expect(transport.asked).toHaveLength(21);
  });
});
