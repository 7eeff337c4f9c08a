import { LANES, type Lane } from "../../shared/wire/frames.ts";
import type { HubView, LaneView, ProbeView } from "./rpc.ts";
import type { HubState, Probe } from "./state.ts";

/** What an operator sees of a hub. */
export function viewHub(s: HubState, hub: string, now: number): HubView {
  const probes = [...s.probes.values()];
  return {
    hub,
    lanes: Object.fromEntries(LANES.map((lane, i) => [lane, viewLane(s, i, now)])) as Record<Lane, LaneView>,
    leases: probes.reduce((sum, probe) => sum + probe.leases.size, 0),
    leased_addresses: s.leased,
    tasks: s.tasks.size,
    lost: s.lost.size,
    ignored_frames: s.ignored,
    probes: probes.map(viewProbe),
  };
}

function viewLane(s: HubState, lane: number, now: number): LaneView {
  let chunks = 0;
  let addresses = 0;
  let oldestMs = now;
  for (const chunk of s.chunks.values()) {
    if (chunk.lane !== lane || chunk.holder !== null) continue;
    chunks += 1;
    addresses += chunk.size;
    oldestMs = Math.min(oldestMs, chunk.queuedAtMs);
  }
  return { chunks, addresses, oldest_ms: now - oldestMs };
}

function viewProbe(probe: Probe): ProbeView {
  return {
    id: probe.id,
    region: probe.hello?.region ?? "",
    build: probe.hello?.build ?? "",
    sources: probe.hello?.sources.map((source) => source.address) ?? [],
    capabilities: probe.hello?.capabilities ?? [],
    state: probe.session === null ? "away" : probe.draining ? "draining" : "online",
    window: probe.window,
    slots: probe.slots,
    leased_addresses: probe.leased,
    leases: probe.leases.size,
    tasks: probe.running,
    seen_at_ms: probe.seenAtMs,
    report: probe.report,
  };
}
