import type { Dispatch, HubLoad, HubReport } from "../data/dispatch.ts";
import type { Env } from "../env.ts";
import { crewsOf, hubNames } from "../fleet/hubs.ts";
import { hubFor } from "../hub/rpc.ts";
import {
  MOVE_BACKLOG_MIN_CHUNKS,
  MOVE_BACKLOG_RATIO,
  MOVE_CHUNKS_MAX,
  MOVE_COUNT_MAX,
  MOVE_STICKY_MS,
} from "../limits.ts";
import { log } from "../log.ts";

type Move = { readonly from: string; readonly to: string; readonly most: number };

/** A hub as `planMoves` looks at it. `retired`: its region or shard is no longer configured, nobody will ever come. */
type Hub = HubLoad & { readonly retired: boolean };

/**
 * Which planned chunks should go elsewhere. A hub that has been without probes for `afterMs`, or is retired, lets the
 * others have its work; one whose backlog, measured by its probes' room, is several times another region's gives half of
 * what would make them equal, so that backlogs approach each other and never swing. Hubs of the same shard come first:
 * their probes know the domains. Each hub gives to one other per sweep.
 */
export function planMoves(hubs: readonly Hub[], afterMs: number): Move[] {
  const due = new Map(hubs.map((hub) => [hub.hub, hub.due]));
  const loadOf = (hub: Hub): number => (due.get(hub.hub) ?? 0) / Math.max(1, hub.room);
  const moves: Move[] = [];
  for (const from of hubs) {
    const waiting = due.get(from.hub) ?? 0;
    const deserted = from.retired || (from.probes === 0 && from.empty_ms >= afterMs);
    if (waiting === 0 || (!deserted && (from.probes === 0 || waiting < MOVE_BACKLOG_MIN_CHUNKS))) continue;
    const to = bestOther(hubs, from, loadOf);
    if (to === null) continue;
    const there = due.get(to.hub) ?? 0;
    let most = Math.min(MOVE_CHUNKS_MAX, waiting);
    if (!deserted) {
      if (waiting * to.room <= MOVE_BACKLOG_RATIO * (there + 1) * from.room) continue;
      const equal = (waiting * to.room - there * from.room) / (from.room + to.room);
      most = Math.min(most, Math.floor(equal / 2));
    }
    if (most < 1) continue;
    due.set(from.hub, waiting - most);
    due.set(to.hub, there + most);
    moves.push({ from: from.hub, to: to.hub, most });
  }
  return moves;
}

function bestOther(hubs: readonly Hub[], from: Hub, loadOf: (hub: Hub) => number): Hub | null {
  let best: Hub | null = null;
  for (const hub of hubs) {
    if (hub.probes === 0 || hub.room === 0 || hub.retired) continue;
    // Within a region the shard of a domain decides, unless the shard is gone.
    if (hub.region === from.region && !from.retired) continue;
    const near = (one: Hub): boolean => one.shard === from.shard;
    if (best === null || (near(hub) === near(best) ? loadOf(hub) < loadOf(best) : near(hub))) best = hub;
  }
  return best;
}

/** The sweep's step: hears who is at which hub, and moves planned chunks accordingly. Nothing to do with a single hub. */
export async function moveBetweenRegions(env: Env, dispatch: Dispatch): Promise<void> {
  const names = hubNames(env);
  const retired = (await dispatch.dueHubs()).filter((hub) => !names.includes(hub));
  if (env.regions.length === 1 && retired.length === 0) return;
  const crews = await crewsOf(env, names);
  const reports: HubReport[] = retired.map((hub) => ({ ...placeOfHub(hub), probes: 0, room: 0 }));
  for (const [i, crew] of crews.entries()) {
    // Of a hub that does not answer nothing is known: it keeps its work.
    if (crew !== null) reports.push({ ...placeOfHub(names[i] ?? ""), ...crew });
  }
  const loads = await dispatch.reportHubs(reports, MOVE_COUNT_MAX);
  const hubs = loads.map((load) => ({ ...load, retired: retired.includes(load.hub) }));
  for (const { from, to, most } of planMoves(hubs, env.moveAfterMs)) {
    const moved = await dispatch.moveChunks(from, to, most, MOVE_STICKY_MS);
    if (moved === 0) continue;
    log.info({ from, to, chunks: moved }, "chunks moved to another region");
    await hubFor(env, to).wake();
  }
}

function placeOfHub(hub: string): Pick<HubReport, "hub" | "region" | "shard"> {
  const [, region = "", shard = ""] = hub.split(":");
  return { hub, region, shard: Number(shard) || 0 };
}
