import type { Env } from "../env.ts";
import { type HubCrew, type HubView, hubFor, hubName, type ProbeView } from "../hub/rpc.ts";
import { HUB_VIEW_TIMEOUT_MS, HUBS_AT_ONCE } from "./limits.ts";

/** What the hubs say of themselves; `silent` names those that did not answer in time. */
export type FleetView = { readonly hubs: readonly HubView[]; readonly silent: readonly string[] };

/** Names of all hubs: regions by shards. */
export const hubNames = (env: Env): string[] =>
  env.regions.flatMap((region) => Array.from({ length: env.hubShards }, (_, shard) => hubName(region, shard)));

/** Asks every hub for its view, a bounded number at once. Never rejects. */
export async function viewHubs(env: Env): Promise<FleetView> {
  const names = hubNames(env);
  const hubs: HubView[] = [];
  const silent: string[] = [];
  for (let at = 0; at < names.length; at += HUBS_AT_ONCE) {
    const group = names.slice(at, at + HUBS_AT_ONCE);
    const views = await Promise.all(group.map((name) => viewOf(env, name)));
    for (const [i, view] of views.entries()) {
      if (view === null) silent.push(group[i] ?? "");
      // A hub that nobody has spoken to does not know its own name yet.
      else hubs.push(view.hub === "" ? { ...view, hub: group[i] ?? "" } : view);
    }
  }
  return { hubs, silent };
}

const viewOf = (env: Env, name: string): Promise<HubView | null> => inTime(() => hubFor(env, name).view());

/** Who is at each hub, in the order of the names; null for a hub that did not answer in time. Never rejects. */
export async function crewsOf(env: Env, names: readonly string[]): Promise<(HubCrew | null)[]> {
  const crews: (HubCrew | null)[] = [];
  for (let at = 0; at < names.length; at += HUBS_AT_ONCE) {
    const group = names.slice(at, at + HUBS_AT_ONCE);
    crews.push(...(await Promise.all(group.map((name) => inTime(() => hubFor(env, name).crew())))));
  }
  return crews;
}

async function inTime<T>(ask: () => Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), HUB_VIEW_TIMEOUT_MS);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** Id of the credential behind a connected probe: instances of one credential add `.name` to it. */
export const credentialId = (probe: ProbeView): string => probe.id.split(".")[0] ?? probe.id;

/** Does something at each hub where a probe (any instance of it) is connected. Returns how many did it. */
export async function atHubsOf(
  env: Env,
  probe: string,
  act: (hub: ReturnType<typeof hubFor>, instance: string) => Promise<boolean>,
): Promise<number> {
  const { hubs } = await viewHubs(env);
  const there = hubs.flatMap((view) =>
    view.probes
      .filter((one) => credentialId(one) === probe && one.state !== "away")
      .map((one) => ({ hub: view.hub, instance: one.id })),
  );
  const done = await Promise.all(there.map(({ hub, instance }) => act(hubFor(env, hub), instance)));
  return done.filter(Boolean).length;
}
