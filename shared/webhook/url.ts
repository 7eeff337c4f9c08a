import { isPrivateAddress, isPublicAddress } from "../net/public-address.ts";
import { err, ok, type Result } from "../result.ts";

/** Why a webhook URL is refused, with a sentence for its owner. */
export type UrlRefusal = { readonly kind: "scheme" | "credentials" | "port" | "address"; readonly detail: string };

/** The parts of a WHATWG `URL` that the rule reads. */
export type UrlParts = {
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
  readonly port: string;
};

/**
 * Decides whether a webhook may go to a URL, as far as that can be said without DNS. `url` must come from the WHATWG
 * parser, which turns every disguise of an IPv4 address (2130706433, 0x7f.1, 127.1, full-width digits) into four
 * decimal octets. Names are vetted again when they are resolved, for each connection.
 */
export function vetWebhookUrl(url: UrlParts, allowPrivate: boolean): Result<true, UrlRefusal> {
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return err({ kind: "scheme", detail: "A webhook URL begins with https:// or http://." });
  }
  if (url.username !== "" || url.password !== "") {
    return err({ kind: "credentials", detail: "A webhook URL carries no user name or password." });
  }
  const port = url.port === "" ? null : Number(url.port);
  // Below 1024 live protocols that could be talked to by accident of an HTTP body (SMTP, FTP, LDAP).
  if (port !== null && port !== 80 && port !== 443 && port < 1024) {
    return err({ kind: "port", detail: "A webhook goes to port 80, 443, or one from 1024 up." });
  }
  const literal = ipLiteral(url.hostname);
  if (literal !== null && !isPublicAddress(literal) && !(allowPrivate && isPrivateAddress(literal))) {
    return err({ kind: "address", detail: "A webhook URL cannot name an address outside the public internet." });
  }
  return ok(true);
}

/** The IP address that a WHATWG hostname is, without brackets; null for a name. */
function ipLiteral(hostname: string): string | null {
  if (hostname.startsWith("[") && hostname.endsWith("]")) return hostname.slice(1, -1);
  return /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/.test(hostname) ? hostname : null;
}
