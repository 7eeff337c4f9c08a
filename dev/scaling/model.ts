import { BEAT_INTERVAL_MS, BULK_WINDOW_ADDRESSES, INGEST_ROWS_PER_MESSAGE } from "../../shared/limits.ts";
import {
  CAREFUL_PACE,
  DEFAULT_PACE,
  GATEWAY_PACE,
  GOOGLE_PACE,
  MICROSOFT_PACE,
  YAHOO_PACE,
} from "../../shared/providers/pace.ts";

/** Measured figures by the names that `npm run bench` prints. */
export type Figures = Readonly<Record<string, number>>;

/** What no bench can tell: how customers and their lists are. */
export type Assumptions = Readonly<{
  /** Busiest hour against the mean. */
  peak_over_mean: number;
  /** Share of addresses that come one by one, and of all that need a mail host. */
  real_time_share: number;
  asked_share: number;
  /** Addresses per chunk as planned, and times a chunk is leased (deferrals come back). */
  addresses_per_chunk: number;
  leases_per_chunk: number;
  rows_per_list: number;
  bytes_per_list_row: number;
  /** Seconds that a polite probe holds an address: its chunk's hosts are asked at their pace. */
  held_seconds: number;
  /** Records that share a queue message, domains that are new to KV per asked address. */
  records_per_message: number;
  facts_per_address: number;
  /** Share of real-time calls of the largest tenant, and its Meter calls per request. */
  largest_tenant_share: number;
  meter_calls_per_request: number;
  retention_days: number;
  /** How full a part may be planned, 0 to 1. */
  headroom: number;
  /** Share of asked addresses by how their operators want to be asked. */
  operators: Readonly<Record<OperatorKind, number>>;
}>;

/** Bounds that Cloudflare documents, and what one database is trusted with. */
export type Bounds = Readonly<{
  object_requests_per_second: number;
  probes_per_hub: number;
  queue_messages_per_second: number;
  database_terabytes: number;
}>;

/** Recipients a second that one source address may ask of an operator: the polite profile's own table. */
const PACES = {
  google: GOOGLE_PACE.rcptPerSecond,
  microsoft_365: MICROSOFT_PACE.rcptPerSecond,
  yahoo: YAHOO_PACE.rcptPerSecond,
  careful: CAREFUL_PACE.rcptPerSecond,
  gateways: GATEWAY_PACE.rcptPerSecond,
  // Thousands of hosts, each with its own pace: together they never bind one address.
  others: DEFAULT_PACE.rcptPerSecond * 1_000,
} as const;
type OperatorKind = keyof typeof PACES;

export const RESOURCES = [
  "source_addresses",
  "probes",
  "hub_shards",
  "postgres_machines",
  "databases_by_size",
  "ingest_consumers",
  "queues",
  "meter_of_largest_tenant",
  "edge_cores",
] as const;
export type Resource = (typeof RESOURCES)[number];

export type Need = Readonly<Record<Resource, number>>;

export type Level = {
  readonly perDay: number;
  readonly peakPerSecond: number;
  /** Units of each resource, not rounded. */
  readonly need: Need;
  /** What is too small when the deployment of the level before gets this load, the worst first. */
  readonly tooSmall: readonly Resource[];
  /** For the bill: nothing of this is bounded. */
  readonly kvWritesPerSecond: number;
  readonly r2GigabytesPerDay: number;
  readonly postgresTerabytes: number;
};

/** What a load of `perDay` addresses needs at its busiest. */
export function needOf(perDay: number, figures: Figures, a: Assumptions, bounds: Bounds): Need {
  const peak = peakOf(perDay, a);
  const bulk = peak * (1 - a.real_time_share);
  const realTime = peak * a.real_time_share;
  const asked = peak * a.asked_share;
  const chunks = ((bulk * a.asked_share) / a.addresses_per_chunk) * a.leases_per_chunk;
  const figure = (name: string): number => {
    const value = figures[name];
    if (value === undefined || !(value > 0)) throw new Error(`no figure "${name}"`);
    return value;
  };
  const probes = Math.max(
    asked / (figure("probe.long_run.verdicts_per_second") * a.headroom),
    (asked * a.held_seconds) / BULK_WINDOW_ADDRESSES,
  );
  // One done per chunk, a call and an answer per real-time check, and heartbeats.
  const hubRequests = chunks + 2 * realTime * a.asked_share + (Math.ceil(probes) * 1_000) / BEAT_INTERVAL_MS;
  return {
    source_addresses: Math.max(
      ...Object.entries(PACES).map(([kind, pace]) => (asked * a.operators[kind as OperatorKind]) / pace),
    ),
    probes,
    hub_shards: Math.max(
      chunks / (figure("hub.bulk.100_per_chunk.chunks") * a.headroom),
      hubRequests / (bounds.object_requests_per_second * a.headroom),
      probes / bounds.probes_per_hub,
    ),
    postgres_machines: (bulk * bulkSeconds(figure, a) + (realTime * 1) / figure("settle")) / a.headroom,
    databases_by_size: terabytes(perDay, figures, a) / bounds.database_terabytes,
    ingest_consumers: bulk / (figure("edge_job_1000000_in") * a.headroom),
    queues:
      Math.max(bulk / INGEST_ROWS_PER_MESSAGE, realTime / a.records_per_message, bulk / a.rows_per_list) /
      (bounds.queue_messages_per_second * a.headroom),
    meter_of_largest_tenant:
      (realTime * a.largest_tenant_share * a.meter_calls_per_request) /
      (bounds.object_requests_per_second * a.headroom),
    edge_cores: realTime / (figure("edge_decided") * a.headroom),
  };
}

/** Seconds of the measured machine's Postgres for one address of a list: staged, compared, settled, counted. */
function bulkSeconds(figure: (name: string) => number, a: Assumptions): number {
  const once = 1 / figure("staging") + (figure("mark_duplicates_1e6") + figure("finalise_1e6")) / 1e6;
  return once + (a.asked_share * a.leases_per_chunk) / figure("settle");
}

/** Size of what is kept: verdicts for the retention; rows of lists for as long, since exports join them. */
function terabytes(perDay: number, figures: Figures, a: Assumptions): number {
  const { verdict_bytes: verdict = Number.NaN, job_item_bytes: item = Number.NaN } = figures;
  return (perDay * a.retention_days * (verdict + item * (1 - a.real_time_share))) / 1e12;
}

const peakOf = (perDay: number, a: Assumptions): number => (perDay / 86_400) * a.peak_over_mean;

/**
 * One level after the other. Too small is what is over its capacity when the load grows and the deployment does not: one
 * unit of everything at first, later what the level before needed, rounded up. The first of them is the bottleneck.
 */
export function levelsOf(loads: readonly number[], figures: Figures, a: Assumptions, bounds: Bounds): Level[] {
  let have: Need = Object.fromEntries(RESOURCES.map((one) => [one, 1])) as Record<Resource, number>;
  return loads.map((perDay) => {
    const need = needOf(perDay, figures, a, bounds);
    const before = have;
    const load = (one: Resource): number => need[one] / before[one];
    const tooSmall = RESOURCES.filter((one) => load(one) > 1).sort((one, other) => load(other) - load(one));
    have = Object.fromEntries(RESOURCES.map((one) => [one, units(need[one])])) as Record<Resource, number>;
    const peak = peakOf(perDay, a);
    return {
      perDay,
      peakPerSecond: peak,
      need,
      tooSmall,
      kvWritesPerSecond: peak * (a.real_time_share + a.asked_share * a.facts_per_address),
      // The list as it came and as it went out.
      r2GigabytesPerDay: (2 * perDay * (1 - a.real_time_share) * a.bytes_per_list_row) / 1e9,
      postgresTerabytes: terabytes(perDay, figures, a),
    };
  });
}

/** Whole units to deploy. */
export const units = (need: number): number => Math.max(1, Math.ceil(need));
