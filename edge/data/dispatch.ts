import { sql } from "drizzle-orm";
import { z } from "zod";
import { LANES } from "../../shared/wire/frames.ts";
import type { Database } from "./database.ts";

/** A chunk as it comes out of Postgres, under the ticket that `refill` has just made for it. */
export type TakenChunk = {
  readonly id: string;
  readonly ticket: string;
  readonly tenant: string;
  readonly job: string;
  readonly kind: "job" | "check";
  /** Index into LANES. */
  readonly lane: number;
  readonly domain: string;
  readonly size: number;
  /** The probe that deferred its items, if any. */
  readonly sticky: string | null;
  /** JSON texts, passed on to the probe as they are: the hub never looks into them. */
  readonly stickyText: string;
  readonly optionsText: string;
  readonly itemsText: string;
  /** Trace id of the request that made the chunk. */
  readonly trace: string | null;
};

const takenRow = z.object({
  id: z.string(),
  ticket: z.string(),
  tenant_id: z.string(),
  job_id: z.string(),
  kind: z.enum(["job", "check"]),
  lane: z
    .number()
    .int()
    .min(0)
    .max(LANES.length - 1),
  domain: z.string(),
  open_items: z.number().int(),
  sticky_probe: z.string().nullable(),
  sticky: z.string().nullable(),
  options: z.string(),
  items: z.string(),
  trace_id: z.string().nullable(),
});

const credentialSchema = z.object({
  id: z.string(),
  region: z.string(),
  /** SHA-256 of the whole token, hex. */
  secret_hash: z.string().length(64),
  revoked_at: z.string().nullable(),
  /** Taken out of service by an operator: the whole probe, or single source addresses. */
  quarantined: z.boolean(),
  quarantined_sources: z.array(z.string()),
});
export type ProbeCredential = z.infer<typeof credentialSchema>;

/** A hub as it reported itself: probes that take work, and the addresses they can hold in bulk. */
export type HubReport = {
  readonly hub: string;
  readonly region: string;
  readonly shard: number;
  readonly probes: number;
  readonly room: number;
};

const hubLoad = z.object({
  hub: z.string(),
  region: z.string(),
  shard: z.coerce.number(),
  probes: z.coerce.number(),
  room: z.coerce.number(),
  /** How long it has been without probes, ms; 0 when it has one. */
  empty_ms: z.coerce.number(),
  /** Planned chunks that are due, counted up to a bound. */
  due: z.coerce.number(),
});
export type HubLoad = z.infer<typeof hubLoad>;

/** The statements of role `dispatcher`, which may execute functions and read no table. */
export type Dispatch = {
  /** Takes due chunks of a hub: about `room` addresses, at most `perTenant` chunks of each tenant and lane. */
  refill(hub: string, room: number, perTenant: number): Promise<TakenChunk[]>;
  /** Epoch ms at which the next planned chunk of a hub is due (now or past when one is); null when there is none. */
  nextDue(hub: string): Promise<number | null>;
  /** Plans chunks of a hub again that it took and lost, not before `afterMs` from now. Chunks not out stay as they are. */
  reclaim(hub: string, chunkIds: readonly string[], afterMs: number): Promise<void>;
  /** Hubs that have something due. */
  dueHubs(): Promise<string[]>;
  /** Chunks out for longer than `olderThanMs`, oldest first, to be compared with what their hubs know. */
  staleChunks(olderThanMs: number, most: number): Promise<{ id: string; hub: string; ticket: string }[]>;
  /** Plans chunks again whose ticket still is the one given. Returns how many. */
  replan(lost: readonly { id: string; ticket: string }[]): Promise<number>;
  /** Keeps what the hubs report, and tells for each how long it has been empty and what is due there. */
  reportHubs(reports: readonly HubReport[], countMax: number): Promise<HubLoad[]>;
  /** Moves planned chunks between hubs; deferred items only `stickyMs` after their time. Returns how many moved. */
  moveChunks(from: string, to: string, most: number, stickyMs: number): Promise<number>;
  /** Whether this call may have a second opinion on the domain from another region: once per UTC day in all. */
  claimOpinion(domain: string, region: string): Promise<boolean>;
  /** Jobs that wait for a step of the edge. */
  jobsToAdvance(idleMs: number, most: number): Promise<{ id: string; tenantId: string; state: string }[]>;
  /** What a probe's token is checked against; null when there is no such credential. */
  probeCredential(id: string): Promise<ProbeCredential | null>;
  /** Makes the monthly partitions of verdicts from this month on. Returns how many were missing. */
  ensurePartitions(months: number): Promise<number>;
};

/** Binds the dispatcher's statements to a database. Each call is one HTTP round trip; each throws what the driver throws. */
export function createDispatch(db: Pick<Database, "dispatcher">): Dispatch {
  return {
    async refill(hub, room, perTenant) {
      const rows = await db.dispatcher(sql`
        select id, ticket, tenant_id, job_id, kind, lane, domain, open_items, sticky ->> 'probe' as sticky_probe,
               sticky::text as sticky, options::text as options, items::text as items, trace_id
          from refill(${hub}, ${room}, ${perTenant})`);
      return rows.map((row) => taken(takenRow.parse(row)));
    },
    async nextDue(hub) {
      const [row] = await db.dispatcher(sql`select extract(epoch from next_due(${hub})) * 1000 as at`);
      return row?.at == null ? null : Number(row.at);
    },
    async reclaim(hub, chunkIds, afterMs) {
      await db.dispatcher(sql`select reclaim(${hub}, ${JSON.stringify(chunkIds)}::jsonb, ${afterMs})`);
    },
    async dueHubs() {
      return (await db.dispatcher(sql`select hub from due_hubs()`)).map((row) => String(row.hub));
    },
    async staleChunks(olderThanMs, most) {
      const rows = await db.dispatcher(sql`select id, hub, ticket from stale_chunks(${olderThanMs}, ${most})`);
      return rows.map((row) => ({ id: String(row.id), hub: String(row.hub), ticket: String(row.ticket) }));
    },
    async replan(lost) {
      const [row] = await db.dispatcher(sql`select replan(${JSON.stringify(lost)}::jsonb) as planned`);
      return Number(row?.planned ?? 0);
    },
    async reportHubs(reports, countMax) {
      const rows = await db.dispatcher(sql`
        select hub, region, shard, probes, room, empty_ms, due
          from report_hubs(${JSON.stringify(reports)}::jsonb, ${countMax})`);
      return rows.map((row) => hubLoad.parse(row));
    },
    async moveChunks(from, to, most, stickyMs) {
      const [row] = await db.dispatcher(sql`select move_chunks(${from}, ${to}, ${most}, ${stickyMs}) as moved`);
      return Number(row?.moved ?? 0);
    },
    async claimOpinion(domain, region) {
      const rows = await db.dispatcher(sql`select claim_opinions(array[${domain}::text], ${region})`);
      return rows.length > 0;
    },
    async jobsToAdvance(idleMs, most) {
      const rows = await db.dispatcher(sql`select id, tenant_id, state from jobs_to_advance(${idleMs}, ${most})`);
      return rows.map((row) => ({ id: String(row.id), tenantId: String(row.tenant_id), state: String(row.state) }));
    },
    async probeCredential(id) {
      const [row] = await db.dispatcher(sql`select probe_credential(${id}) as credential`);
      return row?.credential == null ? null : credentialSchema.parse(row.credential);
    },
    async ensurePartitions(months) {
      const [row] = await db.dispatcher(sql`select ensure_verdict_partitions(now(), ${months}) as made`);
      return Number(row?.made ?? 0);
    },
  };
}

function taken(row: z.infer<typeof takenRow>): TakenChunk {
  return {
    id: row.id,
    ticket: row.ticket,
    tenant: row.tenant_id,
    job: row.job_id,
    kind: row.kind,
    lane: row.lane,
    domain: row.domain,
    size: row.open_items,
    sticky: row.sticky_probe,
    stickyText: row.sticky ?? "null",
    optionsText: row.options,
    itemsText: row.items,
    trace: row.trace_id,
  };
}
