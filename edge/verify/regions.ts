import type { CheckOptions } from "../../shared/wire/frames.ts";
import type { Env } from "../env.ts";
import { hubFor, hubOfDomain, type RealTimeAnswer } from "../hub/rpc.ts";
import { NO_PROBE_MEMORY_MS } from "../limits.ts";

type RegionTask = {
  readonly id: string;
  readonly email: string;
  readonly domain: string;
  readonly options: CheckOptions;
  /** Epoch ms by which the caller wants an answer. */
  readonly deadlineMs: number;
  readonly traceId: string;
  /** Continent of the caller in two letters, when known. */
  readonly continent: string | undefined;
};

/** What came of asking the regions; `late` names the hub whose probe is still at it. */
type RegionAnswer = Exclude<RealTimeAnswer, { kind: "late" }> | { readonly kind: "late"; readonly hub: string };

/** The hubs of all regions, nearest first. */
export type Regions = {
  verify(task: RegionTask): Promise<RegionAnswer>;
};

/** Asks one region after the other; one without a probe is passed over for a while. */
export function createRegions(env: Env): Regions {
  const emptyUntil = new Map<string, number>();
  return {
    async verify(task) {
      for (const region of orderedFor(env.regions, task.continent)) {
        if ((emptyUntil.get(region) ?? 0) > Date.now()) continue;
        const hub = hubOfDomain(env, region, task.domain);
        const { id, email, options, deadlineMs, traceId } = task;
        const answer = await hubFor(env, hub).verify({ id, email, options, deadlineMs, trace: traceId });
        if (answer.kind === "late") return { kind: "late", hub };
        if (answer.kind === "answer") return answer;
        emptyUntil.set(region, Date.now() + NO_PROBE_MEMORY_MS);
      }
      return { kind: "no_probe" };
    },
  };
}

/** Regions of the caller's continent first ("eu", "eu-west" for EU), the others as the operator lists them. */
function orderedFor(regions: readonly string[], continent: string | undefined): readonly string[] {
  if (continent === undefined || regions.length === 1) return regions;
  const prefix = CONTINENTS[continent] ?? continent.toLowerCase();
  const near = regions.filter((region) => region === prefix || region.startsWith(`${prefix}-`));
  return [...near, ...regions.filter((region) => !near.includes(region))];
}

/** Continents whose regions go by another name than their own two letters. */
const CONTINENTS: Readonly<Record<string, string>> = { NA: "us", AS: "ap" };
