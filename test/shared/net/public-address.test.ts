import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPrivateAddress, isPublicAddress } from "../../../shared/net/public-address.ts";

const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "100.63.255.255",
  "100.128.0.1",
  "172.15.0.1",
  "172.32.0.1",
  "192.167.0.1",
  "223.255.255.254",
];
const PUBLIC_V6 = ["2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2600::"];

/** Special-purpose space, the IPv4 in IPv6 disguises, and texts that other parsers read as an address. */
const NOT_PUBLIC = [
  ["this network", "0.0.0.0"],
  ["this network", "0.1.2.3"],
  ["private", "10.0.0.1"],
  ["private", "172.16.0.1"],
  ["private", "172.31.255.255"],
  ["private", "192.168.1.1"],
  ["shared", "100.64.0.1"],
  ["shared", "100.127.255.255"],
  ["loopback", "127.0.0.1"],
  ["loopback", "127.255.255.255"],
  ["link local, cloud metadata", "169.254.169.254"],
  ["protocol assignments", "192.0.0.1"],
  ["documentation", "192.0.2.1"],
  ["documentation", "198.51.100.1"],
  ["documentation", "203.0.113.1"],
  ["6to4 relay", "192.88.99.1"],
  ["benchmarks", "198.18.0.1"],
  ["multicast", "224.0.0.1"],
  ["reserved", "240.0.0.1"],
  ["broadcast", "255.255.255.255"],
  ["loopback", "::1"],
  ["unspecified", "::"],
  ["mapped loopback", "::ffff:127.0.0.1"],
  ["mapped in hexadecimal", "::ffff:7f00:1"],
  ["mapped public", "::ffff:8.8.8.8"],
  ["compatible", "::8.8.8.8"],
  ["translated", "::ffff:0:8.8.8.8"],
  ["NAT64", "64:ff9b::8.8.8.8"],
  ["NAT64 local use", "64:ff9b:1::a00:1"],
  ["6to4", "2002:a00:1::1"],
  ["Teredo", "2001::1"],
  ["ISATAP", "2606:4700::5efe:a00:1"],
  ["ISATAP, universal bit", "2606:4700::200:5efe:10.0.0.1"],
  ["ORCHID", "2001:20::1"],
  ["benchmarks", "2001:2::1"],
  ["documentation", "2001:db8::1"],
  ["documentation", "3fff::1"],
  ["discard", "100::1"],
  ["SRv6", "5f00::1"],
  ["unallocated", "4000::1"],
  ["unallocated", "1::1"],
  ["site local", "fec0::1"],
  ["unique local", "fd00::1"],
  ["link local", "fe80::1"],
  ["multicast", "ff02::1"],
  ["zone id", "2606:4700:4700::1111%eth0"],
  ["one number", "2130706433"],
  ["hexadecimal", "0x7f.1"],
  ["short", "127.1"],
  ["octal of loopback", "0177.0.0.1"],
  ["octal of a public address", "010.8.8.8"],
  ["octet too large", "1.1.1.256"],
  ["space", " 1.1.1.1"],
  ["newline", "1.1.1.1\n"],
  ["brackets", "[2606:4700:4700::1111]"],
  ["full-width digits", "１.1.1.1"],
  ["a name", "example.com"],
  ["nothing", ""],
] as const;

describe("public addresses", () => {
  it.each([...PUBLIC, ...PUBLIC_V6])("%s may be dialled", (ip) => {
    expect(isPublicAddress(ip)).toBe(true);
    expect(isPrivateAddress(ip)).toBe(false);
  });

  it.each(NOT_PUBLIC)("%s %s may not be dialled", (_, ip) => {
    expect(isPublicAddress(ip)).toBe(false);
  });

  it("no IPv4 address becomes public by being written inside IPv6", () => {
    const hex = (high: number, low: number) => (high * 256 + low).toString(16);
    fc.assert(
      fc.property(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)), ([a, b, c, d]) => {
        const tail = `${hex(a, b)}:${hex(c, d)}`;
        const wrapped = [`::ffff:${tail}`, `::${tail}`, `64:ff9b::${tail}`, `2002:${tail}::1`, `2001:0:${tail}::1`];
        expect(wrapped.filter(isPublicAddress)).toEqual([]);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe("private networks", () => {
  it.each(["127.0.0.1", "10.1.2.3", "172.16.9.9", "192.168.0.9", "100.64.0.1", "::1", "fd12::1"])("%s is one", (ip) => {
    expect(isPrivateAddress(ip)).toBe(true);
  });

  it.each(["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:127.0.0.1", "255.255.255.255"])(
    "%s stays shut even where private networks are allowed",
    (ip) => {
      expect(isPrivateAddress(ip)).toBe(false);
    },
  );
});
