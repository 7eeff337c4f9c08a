import { Resolver } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { isPrivateAddress, isPublicAddress } from "../../shared/net/public-address.ts";
import { err, ok, type Result } from "../../shared/result.ts";

/** A refusal to dial, as a value for callers that dial themselves. */
export type AddressRefusal = { readonly kind: "not-public"; readonly ip: string };

/** The error a guarded look-up or connector gives; `code` tells it from network trouble. */
export class AddressRefused extends Error {
  readonly code = "ADDRESS_REFUSED";
  constructor(host: string) {
    super(`${host} has no address on the public internet`);
    this.name = "AddressRefused";
  }
}

/** All addresses of a name, in the order they should be tried. Throws as node:dns does. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/**
 * The one rule for dialling, by SMTP and HTTP alike: public unicast, or loopback and private networks where the
 * operator allows them.
 */
export function vetAddress(ip: string, allowPrivate: boolean): Result<string, AddressRefusal> {
  return isPublicAddress(ip) || (allowPrivate && isPrivateAddress(ip)) ? ok(ip) : err({ kind: "not-public", ip });
}

/**
 * A connector for undici that vets what is dialled at the moment of dialling: a literal in the URL, for which Node
 * never calls a look-up, and every address a name resolves to, so that an answer that changed since an earlier check
 * (rebinding) gains nothing.
 */
export function guardedConnector(
  options: buildConnector.BuildOptions,
  allowPrivate: boolean,
  resolve: ResolveHost,
): buildConnector.connector {
  const connect = buildConnector({ ...options, lookup: guardedLookup(allowPrivate, resolve) });
  return (target, callback) => {
    const host = target.hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !vetAddress(host, allowPrivate).ok) callback(new AddressRefused(host), null);
    else connect(target, callback);
  };
}

/** A look-up for `net.connect` that hands over vetted addresses only, and fails when none is left. */
export function guardedLookup(allowPrivate: boolean, resolve: ResolveHost): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (found) => {
        const vetted = found.filter((ip) => vetAddress(ip, allowPrivate).ok);
        const usable = vetted
          .map((address) => ({ address, family: isIP(address) }))
          .filter((a) => !options.family || options.family === a.family || options.family === `IPv${a.family}`);
        const [first] = usable;
        if (first === undefined) callback(new AddressRefused(hostname), options.all ? [] : "", 0);
        else if (options.all) callback(null, usable);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, options.all ? [] : "", 0),
    );
  };
}

/**
 * Resolves names without the thread pool that `dns.lookup` shares with the whole process: four names on dead
 * name servers would stop every other look-up there.
 */
export function createHostResolver(timeoutMs: number): ResolveHost {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  return async (hostname) => {
    // RFC 6761 6.3: never asked of a name server. The vetting decides whether it may be dialled.
    if (/^(?:.+\.)?localhost\.?$/.test(hostname)) return ["127.0.0.1", "::1"];
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    if (v4.status === "rejected" && v6.status === "rejected") throw v4.reason;
    return [v4, v6].flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  };
}
