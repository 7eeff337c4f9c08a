/** FNV-1a over UTF-16 units with a final avalanche (MurmurHash3's), 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return avalanche(hash);
}

/** Key of the k-th share of a domain: `domain#k` without building the text. */
export const shareKey = (domainHash: number, share: number): number =>
  avalanche(domainHash ^ Math.imul(share + 1, 0x9e3779b1));

/** Rendezvous weight of a node for a key (Thaler and Ravishankar, 1998): the node with the largest serves the key. */
export const rendezvous = (key: number, nodeHash: number): number => avalanche(key ^ nodeHash);

function avalanche(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
