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
    hubs: z.array(z.string()).describe("Hubs of its region at which it is connected; each has a share of its capacity"),
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

/** A probe at all hubs that know it. */
type Seated = { readonly hubs: readonly string[]; readonly seats: readonly [ProbeView, ...ProbeView[]] };

/** Joins what Postgres knows with what the hubs see: every connected probe, then those that are not connected. */
export function describeFleet(enrolled: readonly EnrolledProbe[], hubs: readonly HubView[]): DescribedProbe[] {
  const byId = new Map(enrolled.map((probe) => [probe.id, probe]));
  const seated = seatedProbes(hubs);
  const connected = new Set(seated.map(({ seats }) => credentialId(seats[0])));
  return [
    ...seated.map((probe) => describe(byId.get(credentialId(probe.seats[0])) ?? null, probe)),
    ...enrolled.filter((probe) => !connected.has(probe.id)).map(absent),
  ];
}

/** Every operator that some probe leaves alone or tries again, with the address that it is about. */
export function breakersOf(hubs: readonly HubView[]): (z.infer<typeof breaker> & { probe: string; region: string })[] {
  return seatedProbes(hubs).flatMap(({ seats }) => {
    const { id: probe, region } = seats[0];
    return blocksOf(readReport(latest(seats))).map((block) => ({ probe, region, ...block }));
  });
}

/** A probe sits at every hub of its region: the views of one id are put together. */
function seatedProbes(hubs: readonly HubView[]): Seated[] {
  const byId = new Map<string, Seated>();
  for (const { hub, probes } of hubs) {
    for (const probe of probes) {
      const known = byId.get(probe.id);
      const seated: Seated = known
        ? { hubs: [...known.hubs, hub], seats: [...known.seats, probe] }
        : { hubs: [hub], seats: [probe] };
      byId.set(probe.id, seated);
    }
  }
  return [...byId.values()];
}

/** The seat that heard from its probe last has its newest report. */
const latest = (seats: Seated["seats"]): ProbeView =>
  seats.reduce((one, other) => (other.seen_at_ms > one.seen_at_ms ? other : one));

const STATES: readonly ProbeView["state"][] = ["online", "draining", "away"];

export const breakerSchema = breaker.extend({ probe: z.string(), region: z.string() }).openapi("CircuitBreaker");

function describe(enrolled: EnrolledProbe | null, { hubs, seats }: Seated): DescribedProbe {
  const probe = latest(seats);
  const report = readReport(probe);
  const sum = (count: (seat: ProbeView) => number): number => seats.reduce((total, seat) => total + count(seat), 0);
  const state = STATES.find((one) => seats.some((seat) => seat.state === one)) ?? "away";
  return {
    id: probe.id,
    name: enrolled?.name ?? "",
    region: probe.region,
    state: stateOf(enrolled, state),
    hubs: [...hubs],
    version: probe.build,
    sources: [...probe.sources],
    capacity: { addresses: sum((seat) => seat.window), real_time: sum((seat) => seat.slots) },
    in_flight: {
      addresses: sum((seat) => seat.leased_addresses),
      chunks: sum((seat) => seat.leases),
      real_time: sum((seat) => seat.tasks),
    },
    seen_at: new Date(probe.seen_at_ms).toISOString(),
    counters: countersOf(report),
    blocks: blocksOf(report),
    doctor: report.doctor ? { ...report.doctor, at: new Date(report.doctor.at).toISOString() } : null,
    quarantines: enrolled?.quarantines ?? [],
    enrolled_at: enrolled?.created_at ?? null,
    revoked_at: enrolled?.revoked_at ?? null,
  };
}

const absent = (enrolled: EnrolledProbe): DescribedProbe => ({
  id: enrolled.id,
  name: enrolled.name,
  region: enrolled.region,
  state: stateOf(enrolled, "offline"),
  hubs: [],
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
