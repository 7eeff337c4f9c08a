import { err, ok, type Result } from "../result.ts";
import { type AddressError, addressError } from "./errors.ts";

/**
 * Reads the address literal (RFC 5321 4.1.3) that opens at `start` and must close at `end`.
 * @returns its normal form: decimal octets without leading zeros, or `[IPv6:...]` in lower case.
 * Other tags are refused: IANA has registered only `IPv6`.
 */
export function readLiteral(text: string, start: number, end: number): Result<string, AddressError> {
  const close = text.indexOf("]", start);
  if (close < 0 || close >= end) {
    return err(addressError("literal-open", end, "The address literal is never closed with ]."));
  }
  if (close !== end - 1) {
    return err(addressError("literal-trailing", close + 1, "Nothing can follow an address literal."));
  }
  const content = text.slice(start + 1, close);
  const isV6 = /^ipv6:/i.test(content);
  if (isV6) {
    const groups = parseIpv6(content.slice(5), "mail");
    if (groups !== null) return ok(`[IPv6:${content.slice(5).toLowerCase()}]`);
    return err(
      addressError("literal-ipv6", start + 1, "The literal holds no IPv6 address in the form of RFC 5321 4.1.3."),
    );
  }
  const octets = parseIpv4(content);
  if (octets !== null) return ok(`[${octets.join(".")}]`);
  return err(
    addressError("literal-ipv4", start + 1, "The literal holds no IPv4 address, and no other tag than IPv6: is known."),
  );
}

/** Four octets, or null. One to three decimal digits each, as Snum in RFC 5321 4.1.3. */
function parseIpv4(text: string): number[] | null {
  if (text.length > 15) return null;
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((p) => /^[0-9]{1,3}$/.test(p))) return null;
  const octets = parts.map(Number);
  return octets.every((o) => o <= 255) ? octets : null;
}

/**
 * Eight 16-bit groups, or null. With rule `mail`, `::` must stand for at least two groups (RFC 5321 4.1.3);
 * with rule `any`, for at least one (RFC 4291 2.2).
 */
function parseIpv6(text: string, rule: "mail" | "any"): number[] | null {
  if (text.length > 45) return null;
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = readGroups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? readGroups(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const count = head.length + tail.length;
  if (halves.length === 1) return count === 8 ? head : null;
  if (count > (rule === "mail" ? 6 : 7)) return null;
  return [...head, ...new Array<number>(8 - count).fill(0), ...tail];
}

function readGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else {
      const v4 = mayEndInIpv4 && i === parts.length - 1 ? parseIpv4(part) : null;
      if (v4 === null) return null;
      const [a = 0, b = 0, c = 0, d = 0] = v4;
      groups.push(a * 256 + b, c * 256 + d);
    }
  }
  return groups;
}

/** Not public unicast, from the IANA IPv4 special-purpose registry: first octets as a number, prefix length. */
const PRIVATE_V4: readonly (readonly [number, number])[] = [
  [0x00000000, 8], // this network, RFC 791
  [0x0a000000, 8], // private, RFC 1918
  [0x64400000, 10], // shared, RFC 6598
  [0x7f000000, 8], // loopback
  [0xa9fe0000, 16], // link local, RFC 3927
  [0xac100000, 12], // private, RFC 1918
  [0xc0000000, 24], // protocol assignments, RFC 6890
  [0xc0000200, 24], // documentation, RFC 5737
  [0xc01fc400, 24], // AS112, RFC 7535
  [0xc034c100, 24], // AMT, RFC 7450
  [0xc0586300, 24], // 6to4 relays, RFC 7526
  [0xc0a80000, 16], // private, RFC 1918
  [0xc0af3000, 24], // AS112, RFC 7534
  [0xc6120000, 15], // benchmarks, RFC 2544
  [0xc6336400, 24], // documentation
  [0xcb007100, 24], // documentation
  [0xe0000000, 3], // multicast, reserved, broadcast
];

/**
 * Whether the address in a normalised literal is public unicast, so that mail could be routed to it.
 * IPv6: global unicast 2000::/3 without Teredo, ORCHID, benchmarking, documentation, 6to4 and SRv6 SIDs.
 */
export function isPublicLiteral(literal: string): boolean {
  if (literal.startsWith("[IPv6:")) {
    const groups = parseIpv6(literal.slice(6, -1), "any");
    return groups !== null && isPublicV6(groups);
  }
  const octets = parseIpv4(literal.slice(1, -1));
  return octets !== null && isPublicV4(octets);
}

function isPublicV4(octets: readonly number[]): boolean {
  const address = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return !PRIVATE_V4.some(([network, bits]) => Math.floor(address / 2 ** (32 - bits)) === network / 2 ** (32 - bits));
}

function isPublicV6(groups: readonly number[]): boolean {
  const [first = 0, second = 0] = groups;
  if ((first & 0xe000) !== 0x2000) return false;
  if (first === 0x2001 && second < 0x0200) return false; // RFC 2928: protocol assignments, Teredo, ORCHID
  if (first === 0x2001 && second === 0x0db8) return false; // documentation, RFC 3849
  if (first === 0x2002) return false; // 6to4, RFC 3056
  if (first === 0x3fff && second < 0x1000) return false; // documentation, RFC 9637
  return true;
}
