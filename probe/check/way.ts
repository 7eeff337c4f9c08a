import { isIP } from "node:net";
import { ANY_SOURCE, type SourceAddress } from "../config.ts";

/** The source address to dial a host from, and those of its addresses that can be reached from there. */
export type Way = { readonly source: SourceAddress; readonly addresses: readonly string[] };

/**
 * How to reach a host: from the domain's own source address where a family is shared, else from a source of the
 * host's family; null when this probe has none. Dialling across families fails in the system call (EINVAL).
 * @param other a fit source address of a family, or null
 */
export function wayTo(
  source: SourceAddress,
  addresses: readonly string[],
  other: (family: 4 | 6) => SourceAddress | null,
): Way | null {
  if (source.address === ANY_SOURCE) return { source, addresses };
  for (const family of isIP(source.address) === 6 ? ([6, 4] as const) : ([4, 6] as const)) {
    const mine = addresses.filter((address) => isIP(address) === family);
    if (mine.length === 0) continue;
    const from = isIP(source.address) === family ? source : other(family);
    if (from !== null) return { source: from, addresses: mine };
  }
  return null;
}
