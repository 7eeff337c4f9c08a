import { BlockList, isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { isPublicAddress } from "../../shared/net/public-address.ts";
import { vetAddress } from "../guard/address-guard.ts";

/**
 * Which addresses this probe may dial (the guard), and what it can do with IPv6: reach the world by it, reach only
 * itself (a local stack), or nothing.
 */
export type Reach = { readonly mayDial: (ip: string) => boolean; readonly ipv6: "global" | "local" | "none" };

/**
 * What may be dialled: public unicast addresses and, where the operator allows private networks, loopback and the
 * private networks that this machine is attached to. A private address elsewhere is somebody's mistake in the DNS.
 */
export function createReach(allowPrivate: boolean): Reach {
  const attached = new BlockList();
  let ipv6: Reach["ipv6"] = allowPrivate ? "local" : "none";
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, cidr, family } of addresses ?? []) {
      if (family === "IPv6" && isPublicAddress(address)) ipv6 = "global";
      const prefix = Number(cidr?.split("/")[1]);
      if (Number.isInteger(prefix)) attached.addSubnet(address, prefix, family === "IPv6" ? "ipv6" : "ipv4");
    }
  }
  const mayDial = (ip: string): boolean => {
    if (isIP(ip) === 0 || !vetAddress(ip, allowPrivate).ok) return false;
    if (!allowPrivate || isPublicAddress(ip)) return true;
    return attached.check(ip, isIPv6(ip) ? "ipv6" : "ipv4");
  };
  return { mayDial, ipv6 };
}
