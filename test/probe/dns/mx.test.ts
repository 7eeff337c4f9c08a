import { describe, expect, it } from "vitest";
import type { DnsAnswer, RecordData, RecordType } from "../../../probe/dns/message.ts";
import { addressesOf, planMx } from "../../../probe/dns/mx.ts";
import { createReach, type Reach } from "../../../probe/dns/reachable.ts";
import type { Resolver } from "../../../probe/dns/resolver.ts";

type Zone = Readonly<Record<string, { readonly kind: string; readonly records?: readonly unknown[] }>>;
const resolverOf = (zone: Zone): Resolver => ({
  query: async <K extends RecordType>(name: string, type: K) =>
    (zone[`${name} ${type}`] ?? { kind: "nodata", ttlMs: 0 }) as DnsAnswer<RecordData[K]>,
  stats: () => ({ queries: 0, hits: 0 }),
  close: () => undefined,
});
const mx = (...records: [number, string][]) => ({
  kind: "records",
  records: records.map(([preference, exchange]) => ({ preference, exchange })),
});
const PUBLIC: Reach = { ...createReach(false), ipv6: "global" };

describe("where mail goes", () => {
  it("orders hosts by preference and equals by chance", async () => {
    const resolver = resolverOf({ "x.net MX": mx([20, "c.net"], [10, "a.net"], [10, "b.net"]) });
    const order = async (chances: number[]) => {
      const plan = await planMx(resolver, "x.net", () => chances.shift() ?? 0);
      return plan.kind === "hosts" ? plan.hosts.map((host) => `${host.rank} ${host.name}`) : [];
    };
    expect(await order([0, 0.1, 0.9])).toEqual(["0 a.net", "0 b.net", "1 c.net"]);
    expect(await order([0, 0.9, 0.1])).toEqual(["0 b.net", "0 a.net", "1 c.net"]);
  });

  it("null MX does not fall back to the A record", async () => {
    const zone = { "x.net MX": mx([0, "."]), "x.net A": { kind: "records", records: ["192.0.2.1"] } };
    expect(await planMx(resolverOf(zone), "x.net", Math.random)).toEqual({ kind: "null_mx" });
  });

  it("takes the domain itself when there is no MX, by IPv4 or IPv6", async () => {
    for (const type of ["A", "AAAA"]) {
      const plan = await planMx(
        resolverOf({ [`x.net ${type}`]: { kind: "records", records: ["x"] } }),
        "x.net",
        Math.random,
      );
      expect(plan).toMatchObject({ kind: "hosts", implicit: true, hosts: [{ name: "x.net" }] });
    }
  });

  it.each<[string, Zone, string]>([
    ["no such domain", { "x.net MX": { kind: "nxdomain" } }, "domain_not_found"],
    ["neither MX nor address", {}, "no_mail_host"],
    ["SERVFAIL", { "x.net MX": { kind: "servfail" } }, "dns_error"],
    ["a timeout", { "x.net MX": { kind: "timeout" } }, "dns_error"],
    ["a lame server", { "x.net MX": { kind: "lame" } }, "dns_error"],
    ["no MX and a failing address look-up", { "x.net A": { kind: "servfail" } }, "dns_error"],
  ])("%s is told apart", async (_name, zone, kind) => {
    expect((await planMx(resolverOf(zone), "x.net", Math.random)).kind).toBe(kind);
  });
});

describe("addresses of a host", () => {
  it.each([
    "10.0.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
  ])("never dials %s for the public", async (ip) => {
    const type = ip.includes(":") ? "AAAA" : "A";
    const resolver = resolverOf({ [`mx.net ${type}`]: { kind: "records", records: [ip] } });
    expect(await addressesOf(resolver, "mx.net", PUBLIC)).toEqual({ kind: "unroutable" });
    expect(await addressesOf(resolver, `[${type === "AAAA" ? "IPv6:" : ""}${ip}]`, PUBLIC)).toEqual({
      kind: "unroutable",
    });
  });

  it("leaves out what may not be dialled and tries IPv4 first", async () => {
    const resolver = resolverOf({
      "mx.net A": { kind: "records", records: ["10.0.0.1", "9.9.9.9"] },
      "mx.net AAAA": { kind: "records", records: ["2620:fe::fe"] },
    });
    expect(await addressesOf(resolver, "mx.net", PUBLIC)).toEqual({
      kind: "addresses",
      addresses: ["9.9.9.9", "2620:fe::fe"],
    });
  });

  it("tells a host without a common address family from one without any", async () => {
    const six = resolverOf({ "mx.net AAAA": { kind: "records", records: ["2620:fe::fe"] } });
    expect(await addressesOf(six, "mx.net", { ...PUBLIC, ipv6: "none" })).toEqual({ kind: "unreachable_family" });
    expect(await addressesOf(resolverOf({}), "mx.net", PUBLIC)).toEqual({ kind: "none" });
    expect(await addressesOf(resolverOf({ "mx.net A": { kind: "servfail" } }), "mx.net", PUBLIC)).toMatchObject({
      kind: "dns_error",
    });
  });

  it("takes no address for a host name", async () => {
    expect(await addressesOf(resolverOf({}), "9.9.9.9", PUBLIC)).toEqual({ kind: "none" });
  });
});
