import { z } from "@hono/zod-openapi";
import { type EnrolledProbe, enrolledProbe } from "../data/fleet.ts";
import type { HubView, ProbeView } from "../hub/rpc.ts";
import { credentialId } from "./hubs.ts";

const breaker = z.object({
  operator: z.string(),
  source: z.string(),
  state: z.string(),
  until: z.string().nullable().describe("RFC 3339; null when it is not known"),
});

const doctor = z.object({
  at: z.string(),
  state: z.enum(["ok", "warn", "fail", "skipped"]),
  trouble: z.array(z.object({ id: z.string(), state: z.string(), found: z.string() })),
});

/** A probe as operators see it: its credential, its connection and what it says of itself. */
export const probeSchema = enrolledProbe
  .omit({ created_at: true, revoked_at: true })
  .extend({
    state: z.enum(["online", "draining", "away", "offline", "quarantined", "revoked"]),
    hub: z.string().nullable(),
    version: z.string().nullable(),
    sources: z.array(z.string()),
    capacity: z.object({ addresses: z.int(), real_time: z.int() }).nullable(),
    in_flight: z.object({ addresses: z.int(), chunks: z.int(), real_time: z.int() }).nullable(),
    seen_at: z.string().nullable(),
    counters: z.record(z.string(), z.number()).describe("Since the probe started"),
    blocks: z.array(breaker).describe("Operators that this probe leaves alone for now"),
    doctor: doctor.nullable().describe("Its last examination, as far as something was not well"),
    enrolled_at: z.string().nullable(),
    revoked_at: z.string().nullable(),
  })
  .openapi("Probe");
export type DescribedProbe = z.infer<typeof probeSchema>;

/** Of a probe's report, what operators are shown. Reports of other builds may lack any of it. */
const reportSchema = z.object({
  checked: z.number().optional(),
  deferred: z.number().optional(),
  running: z.number().optional(),
  connections: z.object({ open: z.number(), opened: z.number(), failed: z.number() }).optional(),
  breakers: z
    .array(z.object({ operator: z.string(), source: z.string(), state: z.string(), untilMs: z.number() }))
    .optional(),
  doctor: doctor.extend({ at: z.number() }).nullish(),
});
type Report = z.infer<typeof reportSchema>;

/** Joins what Postgres knows with what the hubs see: every connected probe, then those that are not connected. */
export function describeFleet(enrolled: readonly EnrolledProbe[], hubs: readonly HubView[]): DescribedProbe[] {
  const byId = new Map(enrolled.map((probe) => [probe.id, probe]));
  const described: DescribedProbe[] = [];
  const connected = new Set<string>();
  for (const { hub, probes } of hubs) {
    for (const probe of probes) {
      const id = credentialId(probe);
      connected.add(id);
      described.push(describe(byId.get(id) ?? null, probe, hub));
    }
  }
  for (const probe of enrolled) if (!connected.has(probe.id)) described.push(absent(probe));
  return described;
}

/** Every operator that some probe leaves alone or tries again, with the address that it is about. */
export function breakersOf(hubs: readonly HubView[]): (z.infer<typeof breaker> & { probe: string; region: string })[] {
  return hubs.flatMap(({ probes }) =>
    probes.flatMap((probe) =>
      blocksOf(readReport(probe)).map((b) => ({ probe: probe.id, region: probe.region, ...b })),
    ),
  );
}

export const breakerSchema = breaker.extend({ probe: z.string(), region: z.string() }).openapi("CircuitBreaker");

function describe(enrolled: EnrolledProbe | null, probe: ProbeView, hub: string): DescribedProbe {
  const report = readReport(probe);
  const quarantines = enrolled?.quarantines ?? [];
  return {
    id: probe.id,
    name: enrolled?.name ?? "",
    region: probe.region,
    state: stateOf(enrolled, probe.state),
    hub,
    version: probe.build,
    sources: [...probe.sources],
    capacity: { addresses: probe.window, real_time: probe.slots },
    in_flight: { addresses: probe.leased_addresses, chunks: probe.leases, real_time: probe.tasks },
    seen_at: new Date(probe.seen_at_ms).toISOString(),
    counters: countersOf(report),
    blocks: blocksOf(report),
    doctor: report.doctor ? { ...report.doctor, at: new Date(report.doctor.at).toISOString() } : null,
    quarantines,
    enrolled_at: enrolled?.created_at ?? null,
    revoked_at: enrolled?.revoked_at ?? null,
  };
}

const absent = (enrolled: EnrolledProbe): DescribedProbe => ({
  id: enrolled.id,
  name: enrolled.name,
  region: enrolled.region,
  state: stateOf(enrolled, "offline"),
  hub: null,
  version: null,
  sources: [],
  capacity: null,
  in_flight: null,
  seen_at: null,
  counters: {},
  blocks: [],
  doctor: null,
  quarantines: enrolled.quarantines,
  enrolled_at: enrolled.created_at,
  revoked_at: enrolled.revoked_at,
});

function stateOf(enrolled: EnrolledProbe | null, state: DescribedProbe["state"]): DescribedProbe["state"] {
  if (enrolled !== null && enrolled.revoked_at !== null) return "revoked";
  return enrolled?.quarantines.some(({ source }) => source === "") ? "quarantined" : state;
}

function readReport(probe: ProbeView): Report {
  const parsed = reportSchema.safeParse(probe.report ?? {});
  return parsed.success ? parsed.data : {};
}

function countersOf({ checked, deferred, running, connections }: Report): Record<string, number> {
  const all = {
    checked,
    deferred,
    running,
    connections_open: connections?.open,
    connections_opened: connections?.opened,
    connections_failed: connections?.failed,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined));
}

const blocksOf = ({ breakers = [] }: Report): z.infer<typeof breaker>[] =>
  breakers
    .filter(({ state }) => state !== "closed")
    .map(({ operator, source, state, untilMs }) => ({
      operator,
      source,
      state,
      until: Number.isFinite(untilMs) && untilMs > 0 ? new Date(untilMs).toISOString() : null,
    }));
