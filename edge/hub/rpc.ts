import type { Verdict } from "../../shared/verdict/types.ts";
import type { CheckOptions, Lane } from "../../shared/wire/frames.ts";
import type { Env } from "../env.ts";

/** One address to check now. The id is the check's own; `deadlineMs` (epoch) is when its caller stops waiting. */
export type RealTimeTask = {
  readonly id: string;
  readonly email: string;
  readonly options: CheckOptions;
  readonly deadlineMs: number;
  readonly trace?: string;
  /** There are other regions: say `busy` rather than let it wait behind more checks than there are slots. */
  readonly hurried?: boolean;
};

/**
 * `elsewhere`: a probe of another network may see more. `busy`: another region will be quicker. `late`: the caller's time
 * is up and a probe is still at it.
 */
export type RealTimeAnswer =
  | { readonly kind: "answer"; readonly verdict: Verdict; readonly elsewhere?: boolean }
  | { readonly kind: "no_probe" }
  | { readonly kind: "busy" }
  | { readonly kind: "late" };

export type LaneView = { readonly chunks: number; readonly addresses: number; readonly oldest_ms: number };

export type ProbeView = {
  readonly id: string;
  readonly region: string;
  readonly build: string;
  readonly sources: readonly string[];
  readonly capabilities: readonly string[];
  readonly state: "online" | "draining" | "away";
  readonly window: number;
  readonly slots: number;
  readonly leased_addresses: number;
  readonly leases: number;
  readonly tasks: number;
  readonly seen_at_ms: number;
  /** What the probe says of itself with its heartbeats (counters, breakers), as it sent it. */
  readonly report: unknown;
};

/** What an operator sees of one hub. Ages in milliseconds. */
export type HubView = {
  readonly hub: string;
  readonly lanes: Readonly<Record<Lane, LaneView>>;
  readonly leases: number;
  readonly leased_addresses: number;
  readonly tasks: number;
  /** Chunks waiting to be planned again; frames that were late, repeated or about somebody else's lease. */
  readonly lost: number;
  readonly ignored_frames: number;
  readonly probes: readonly ProbeView[];
};

/** Who is here to work: probes that take work, and the addresses they can hold in bulk. */
export type HubCrew = { readonly probes: number; readonly room: number };

/** What the edge may ask of a hub. */
export type HubRpc = {
  /** Checks one address now. Answers by `deadlineMs` (epoch) at the latest. */
  verify(task: RealTimeTask): Promise<RealTimeAnswer>;
  /** Hands a late check over to its stored chunk. `gone`: nobody holds it, plan it again. */
  detach(taskId: string, chunkId: string, ticket: string): Promise<"detached" | "gone">;
  /** Says that Postgres has work; returns as soon as the alarm is set. */
  wake(): Promise<void>;
  /** Of these chunks, the ones this hub holds or has leased. */
  known(chunkIds: readonly string[]): Promise<string[]>;
  view(): Promise<HubView>;
  crew(): Promise<HubCrew>;
  /** Tells a probe to finish, hand back the rest and leave. False when it is not connected here. */
  drain(probeId: string, why: string): Promise<boolean>;
  /** Tells a probe which of its source addresses are in quarantine. False when it is not connected here, or too old to know. */
  quarantine(probeId: string, sources: readonly string[]): Promise<boolean>;
  /** Puts a probe out whose credential was revoked; its leases return at once. False when it is not known here. */
  expel(probeId: string): Promise<boolean>;
};

type HubObject = HubRpc & Rpc.DurableObjectBranded;

/** Name of the hub of a region and shard: the key of its Durable Object and of `chunks.hub`. */
export const hubName = (region: string, shard: number): string => `hub:${region}:${shard}`;

/** The hub at which a probe that names no shard reports. */
export function hubOfProbe(env: Pick<Env, "hubShards">, region: string, probe: string): string {
  return hubName(region, hashOf(probe) % env.hubShards);
}

/** The object behind a hub's name, created near its region on first use. */
export function hubObject(env: Pick<Env, "hubs">, name: string): DurableObjectStub<HubObject> {
  // The binding is declared without its class so that env.ts need not know every object; this is the one place that does.
  const namespace = env.hubs as DurableObjectNamespace<HubObject>;
  const hint = HINTS[name.split(":")[1] ?? ""];
  return namespace.getByName(name, hint === undefined ? {} : { locationHint: hint });
}

/**
 * A typed line to the hub of that name. The deadline of a real-time check is kept here, in the caller's isolate: a
 * timer inside the object would keep it from hibernating.
 */
export function hubFor(env: Pick<Env, "hubs">, name: string): HubRpc {
  const stub = () => hubObject(env, name);
  return {
    verify: (task) => verifyWithin(stub, task),
    detach: (taskId, chunkId, ticket) => stub().detach(taskId, chunkId, ticket),
    wake: () => stub().wake(),
    known: (chunkIds) => stub().known([...chunkIds]),
    view: () => stub().view(),
    crew: () => stub().crew(),
    drain: (probeId, why) => stub().drain(probeId, why),
    quarantine: (probeId, sources) => stub().quarantine(probeId, [...sources]),
    expel: (probeId) => stub().expel(probeId),
  };
}

async function verifyWithin(stub: () => DurableObjectStub<HubObject>, task: RealTimeTask): Promise<RealTimeAnswer> {
  let timer: number | null = null;
  const late = new Promise<RealTimeAnswer>((resolve) => {
    timer = setTimeout(() => resolve({ kind: "late" }), Math.max(0, task.deadlineMs - Date.now()));
  });
  try {
    return await Promise.race([askTwice(stub, task), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An object that was restarted under a call breaks its stub; a fresh stub reaches the new one. */
async function askTwice(stub: () => DurableObjectStub<HubObject>, task: RealTimeTask): Promise<RealTimeAnswer> {
  try {
    return await stub().verify(task);
  } catch {
    try {
      return await stub().verify(task);
    } catch {
      return { kind: "no_probe" };
    }
  }
}

/** Where Cloudflare may place a hub, by the first part of the region's name ("eu", "eu-west" ...). */
const HINTS: Readonly<Record<string, DurableObjectLocationHint>> = {
  eu: "weur",
  "eu-west": "weur",
  "eu-east": "eeur",
  us: "enam",
  "us-east": "enam",
  "us-west": "wnam",
  sa: "sam",
  ap: "apac",
  oc: "oc",
  af: "afr",
  me: "me",
};

/** FNV-1a over UTF-16 units, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // FNV's low bits are weak for short keys: fold the high half in before a modulus.
  return (hash ^ (hash >>> 15)) >>> 0;
}
