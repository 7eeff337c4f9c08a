import type { Environment, ProbeConfig } from "../../../probe/config.ts";
import { readProbeConfig } from "../../../probe/config.ts";
import type { DnsAnswer, MxRecord, RecordData, RecordType } from "../../../probe/dns/message.ts";
import type { Resolver } from "../../../probe/dns/resolver.ts";
import type { DoctorContext } from "../../../probe/doctor/types.ts";

type Failure = "servfail" | "timeout" | "nodata";
type Records = { readonly [K in RecordType]?: readonly RecordData[K][] | Failure };

/** Zones by name; a name that is missing is NXDOMAIN. Counts what is asked. */
export function fakeDns(zones: Readonly<Record<string, Records>>): Resolver & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    query<K extends RecordType>(name: string, type: K): Promise<DnsAnswer<RecordData[K]>> {
      asked.push(`${type} ${name}`);
      const zone = zones[name];
      if (zone === undefined) return Promise.resolve({ kind: "nxdomain", ttlMs: 0 });
      const found: readonly RecordData[K][] | Failure | undefined = zone[type];
      if (found === undefined || found === "nodata") return Promise.resolve({ kind: "nodata", ttlMs: 0 });
      if (typeof found === "string") return Promise.resolve({ kind: found });
      return Promise.resolve({ kind: "records", records: found, ttlMs: 0 });
    },
    stats: () => ({ queries: asked.length, hits: 0 }),
    close() {},
  };
}

export const mx = (...exchanges: string[]): MxRecord[] => exchanges.map((exchange, i) => ({ preference: i, exchange }));

export function configOf(env: Environment): ProbeConfig {
  const config = readProbeConfig(env);
  if (!config.ok) throw new Error(config.error);
  return config.value;
}

/** A probe that peers see as 11.22.33.44 and that says HELO probe-1.example.net. */
export function contextOf(resolver: Resolver, changes: Partial<DoctorContext> = {}): DoctorContext {
  return {
    config: configOf({ PROBE_HELO_NAME: "probe-1.example.net", PROBE_MAIL_FROM: "check@example.net" }),
    mailDomains: [],
    blockLists: [],
    identityPort: null,
    resolver,
    sources: [{ local: null, helo: "probe-1.example.net", seen: "11.22.33.44" }],
    edge: null,
    signal: new AbortController().signal,
    ...changes,
  };
}
