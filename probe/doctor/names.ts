import ipaddr from "ipaddr.js";

/** The labels of an address in reverse, as PTR zones and block lists take them: octets, or nibbles for IPv6. */
export function reversed(ip: string): string {
  const address = ipaddr.parse(ip);
  if (address.kind() === "ipv4") return address.toString().split(".").reverse().join(".");
  const hex = address.toByteArray().map((byte) => byte.toString(16).padStart(2, "0"));
  return [...hex.join("")].reverse().join(".");
}

/** Name at which the PTR record of an address lives (RFC 1035 3.5, RFC 3596 2.5). */
export const reverseName = (ip: string): string => `${reversed(ip)}.${ip.includes(":") ? "ip6" : "in-addr"}.arpa`;

/** Two texts for one address (`::1`, `0:0:0:0:0:0:0:1`) are equal. */
export const sameAddress = (a: string, b: string): boolean =>
  ipaddr.isValid(a) &&
  ipaddr.isValid(b) &&
  ipaddr.parse(a).toNormalizedString() === ipaddr.parse(b).toNormalizedString();
