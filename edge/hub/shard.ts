/**
 * The shard of a domain (A-labels, lower case): which of a region's hubs serves it. The database plans chunks by the
 * same rule, `hub_shard` in migrations/0009, so that lists and single checks of a domain meet at one hub and share its
 * probe's connections. Stable across releases: planned chunks carry hub names made by it.
 */
export async function shardOf(domain: string, shards: number): Promise<number> {
  if (shards === 1) return 0;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(domain)));
  const [a = 0, b = 0, c = 0] = digest;
  return ((a << 16) | (b << 8) | c) % shards;
}
