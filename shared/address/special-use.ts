/**
 * Top-level names that never hold mailboxes on the public Internet: RFC 6761 with its registry
 * (RFC 6762 local, RFC 7686 onion, RFC 9476 alt), and `internal`, which ICANN reserved for private use in 2024.
 */
const SPECIAL_TLDS = new Set(["test", "example", "invalid", "localhost", "local", "onion", "alt", "internal"]);

/** Reserved names below a live top-level domain: RFC 2606 3, RFC 8375. */
const SPECIAL_NAMES = ["example.com", "example.net", "example.org", "home.arpa"];

/**
 * The special-use name that a lower-case A-label domain belongs to, or null.
 * `numeric-tld` for a last label of digits alone, which no top-level domain can be (RFC 3696 2).
 */
export function specialUseName(domain: string): string | null {
  const dot = domain.lastIndexOf(".");
  const last = domain.charCodeAt(domain.length - 1);
  // Country codes make up half of all and are never special.
  if (domain.length - dot === 3 && last > 0x39) return null;
  const tld = domain.slice(dot + 1);
  if (SPECIAL_TLDS.has(tld)) return tld;
  if (last >= 0x30 && last <= 0x39 && /^[0-9]+$/.test(tld)) return "numeric-tld";
  if (tld.length !== 3 && tld !== "arpa") return null;
  for (const name of SPECIAL_NAMES) {
    if (domain.endsWith(name) && (domain.length === name.length || domain.at(-name.length - 1) === ".")) return name;
  }
  return null;
}
