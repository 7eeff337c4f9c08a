import { LANE_WEIGHTS, TENANT_QUANTUM } from "./limits.ts";

/** What a queue has to know of a chunk. */
export type Queued = { readonly id: string; readonly lane: number; readonly tenant: string; readonly size: number };

type TenantQueue<C extends Queued> = {
  readonly tenant: string;
  /** Addresses it may still take in this turn; negative when its last chunk was larger than what was left. */
  deficit: number;
  readonly chunks: Map<string, C>;
};

type Lane<C extends Queued> = {
  readonly weight: number;
  /** Virtual time: addresses served divided by weight. */
  pass: number;
  addresses: number;
  chunks: number;
  /** Tenants with work, the one in turn first. */
  readonly ring: Map<string, TenantQueue<C>>;
};

/**
 * The queue of a hub: lanes share by weight (stride scheduling), tenants in a lane in turns of equal addresses (surplus
 * round robin), chunks of a tenant first in, first out. A waiting tenant is served after at most one turn of each other
 * tenant of its lane; a lane gets at least weight / sum of weights of what is served.
 */
export type Lanes<C extends Queued> = readonly Lane<C>[];

export const createLanes = <C extends Queued>(): Lanes<C> =>
  LANE_WEIGHTS.map((weight) => ({ weight, pass: 0, addresses: 0, chunks: 0, ring: new Map() }));

/** Puts a chunk at the end of its tenant's queue. */
export function enqueue<C extends Queued>(lanes: Lanes<C>, chunk: C): void {
  const lane = lanes[chunk.lane];
  if (lane === undefined) throw new RangeError(`no lane ${chunk.lane}`);
  // A lane that was idle has saved up no claim on the past.
  if (lane.chunks === 0) lane.pass = Math.max(lane.pass, lowestPass(lanes));
  let queue = lane.ring.get(chunk.tenant);
  if (queue === undefined) {
    queue = { tenant: chunk.tenant, deficit: TENANT_QUANTUM, chunks: new Map() };
    lane.ring.set(chunk.tenant, queue);
  }
  queue.chunks.set(chunk.id, chunk);
  lane.addresses += chunk.size;
  lane.chunks += 1;
}

/** Takes a chunk out without serving it. */
export function dequeue<C extends Queued>(lanes: Lanes<C>, chunk: C): void {
  const lane = lanes[chunk.lane];
  const queue = lane?.ring.get(chunk.tenant);
  if (lane === undefined || queue === undefined || !queue.chunks.delete(chunk.id)) return;
  lane.addresses -= chunk.size;
  lane.chunks -= 1;
  if (queue.chunks.size === 0) lane.ring.delete(chunk.tenant);
}

/** The chunks of the tenant whose turn it is, oldest first; null when nothing waits. */
export function inTurn<C extends Queued>(lanes: Lanes<C>): Iterable<C> | null {
  let best: Lane<C> | null = null;
  for (const lane of lanes) if (lane.chunks > 0 && (best === null || lane.pass < best.pass)) best = lane;
  if (best === null) return null;
  for (const queue of best.ring.values()) {
    if (queue.deficit > 0) return queue.chunks.values();
    queue.deficit += TENANT_QUANTUM;
    best.ring.delete(queue.tenant);
    best.ring.set(queue.tenant, queue);
  }
  return null;
}

/** Takes a chunk out and charges its lane and tenant for it. */
export function serve<C extends Queued>(lanes: Lanes<C>, chunk: C): void {
  const lane = lanes[chunk.lane];
  if (lane === undefined) return;
  lane.pass += chunk.size / lane.weight;
  const queue = lane.ring.get(chunk.tenant);
  if (queue !== undefined) queue.deficit -= chunk.size;
  dequeue(lanes, chunk);
}

/** Addresses that wait in all lanes. */
export const waitingAddresses = <C extends Queued>(lanes: Lanes<C>): number =>
  lanes.reduce((sum, lane) => sum + lane.addresses, 0);

function lowestPass<C extends Queued>(lanes: Lanes<C>): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const lane of lanes) if (lane.chunks > 0) lowest = Math.min(lowest, lane.pass);
  return Number.isFinite(lowest) ? lowest : 0;
}
