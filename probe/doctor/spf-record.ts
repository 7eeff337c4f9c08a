import { isIPv4, isIPv6 } from "node:net";
import { err, ok, type Result } from "../../shared/result.ts";

const MECHANISMS = ["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"] as const;
type Mechanism = (typeof MECHANISMS)[number];
type Qualifier = "+" | "-" | "~" | "?";

/** One mechanism: `value` is its domain or address, empty for the policy's own domain; prefix lengths for both families. */
export type SpfTerm = {
  readonly qualifier: Qualifier;
  readonly name: Mechanism;
  readonly value: string;
  readonly bits4: number;
  readonly bits6: number;
  /** As written, for the report. */
  readonly text: string;
};

export type SpfRecord = { readonly terms: readonly SpfTerm[]; readonly redirect: string | null };

const TERM = /^([a-z0-9]+)(?::([^/]+))?(?:\/(\d{1,3}))?(?:\/\/(\d{1,3}))?$/i;
const MODIFIER = /^([a-z][a-z0-9_.-]*)=(.*)$/i;

/** Parses an SPF record whole (RFC 7208 4.6: one bad term spoils it). The error names the term. */
export function parseSpf(text: string): Result<SpfRecord, string> {
  const terms: SpfTerm[] = [];
  let redirect: string | null = null;
  for (const word of text.trim().split(/ +/).slice(1)) {
    const modifier = MODIFIER.exec(word);
    if (modifier !== null) {
      if (modifier[1]?.toLowerCase() !== "redirect") continue;
      if (redirect !== null) return err("two redirects");
      redirect = plain(modifier[2] ?? "");
      continue;
    }
    const term = parseTerm(word);
    if (term === null) return err(`"${word}" is no mechanism`);
    terms.push(term);
  }
  // RFC 7208 6.1: `redirect` means nothing beside `all`.
  return ok({ terms, redirect: terms.some((term) => term.name === "all") ? null : redirect });
}

function parseTerm(text: string): SpfTerm | null {
  const qualifier = /^[+\-~?]/.test(text) ? (text[0] as Qualifier) : "+";
  const bare = text.replace(/^[+\-~?]/, "");
  const name = MECHANISMS.find((one) => one === /^[a-z0-9]+/i.exec(bare)?.[0].toLowerCase());
  if (name === undefined) return null;
  if (name === "ip6") return ip6Term(text, qualifier, bare);
  const match = TERM.exec(bare);
  if (match === null || match[1]?.toLowerCase() !== name) return null;
  const [, , value = "", four, six] = match;
  const bits4 = four === undefined ? 32 : Number(four);
  const bits6 = six === undefined ? 128 : Number(six);
  if (bits4 > 32 || bits6 > 128) return null;
  if (name === "ip4" && !(isIPv4(value) && six === undefined)) return null;
  if ((name === "include" || name === "exists") && value === "") return null;
  return { qualifier, name, value: plain(value), bits4, bits6, text };
}

function ip6Term(text: string, qualifier: Qualifier, bare: string): SpfTerm | null {
  const match = /^ip6:([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(bare);
  const value = match?.[1] ?? "";
  const bits6 = match?.[2] === undefined ? 128 : Number(match[2]);
  return isIPv6(value) && bits6 <= 128 ? { qualifier, name: "ip6", value, bits4: 32, bits6, text } : null;
}

const plain = (domain: string): string => domain.toLowerCase().replace(/\.$/, "");
