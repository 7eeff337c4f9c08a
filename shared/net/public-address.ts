import ipaddr from "ipaddr.js";

/** Prefix of the only space IANA hands out as global unicast (RFC 4291 2.4, IANA IPv6 address space registry). */
const GLOBAL_UNICAST_V6: readonly [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("2000::"), 3];

/** Ranges an operator opens with PROBE_ALLOW_PRIVATE_NETWORKS. Link-local stays shut: cloud metadata lives there. */
const PRIVATE_RANGES: ReadonlySet<string> = new Set(["loopback", "private", "carrierGradeNat", "uniqueLocal"]);

/**
 * Whether an IP address in text form is public unicast, so that it may be dialled for a customer.
 * Refused besides every special-purpose range: IPv6 that carries an IPv4 address (mapped, compatible, 6to4, NAT64,
 * Teredo, ISATAP), because a relay would unwrap it behind our back; zone ids; IPv4 in octal, hexadecimal or short
 * forms, which parsers read differently. Anything that is no IP address is not public.
 */
export function isPublicAddress(ip: string): boolean {
  const address = parseStrict(ip);
  if (address === null || address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || isPlainGlobalV6(address);
}

/** Whether an address belongs to a network that an operator can allow: loopback, private, shared or unique local. */
export function isPrivateAddress(ip: string): boolean {
  const address = parseStrict(ip);
  return address !== null && PRIVATE_RANGES.has(address.range());
}

function parseStrict(ip: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  if (ip.includes(":")) return !ip.includes("%") && ipaddr.IPv6.isValid(ip) ? ipaddr.IPv6.parse(ip) : null;
  // A leading zero means octal to some C libraries: 0177.0.0.1 is loopback there and 177.0.0.1 elsewhere.
  if (!/^(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$/.test(ip)) return null;
  return ipaddr.IPv4.isValid(ip) ? ipaddr.IPv4.parse(ip) : null;
}

function isPlainGlobalV6(address: ipaddr.IPv6): boolean {
  const [network, bits] = GLOBAL_UNICAST_V6;
  if (!address.match(network, bits)) return false;
  // ISATAP interface ids (RFC 5214 6.1): 0000:5efe or 0200:5efe, then an IPv4 address.
  const [, , , , high = 0, low = 0] = address.parts;
  return !(low === 0x5efe && (high === 0 || high === 0x0200));
}
