import type { CheckOptions } from "../../shared/wire/frames.ts";
import type { Env } from "../env.ts";
import { hubFor, hubName, type RealTimeAnswer } from "../hub/rpc.ts";
import { shardOf } from "../hub/shard.ts";
import { NO_PROBE_MEMORY_MS, SECOND_OPINION_MIN_MS } from "../limits.ts";
import { nearestFirst, type Place } from "./places.ts";

type RegionTask = {
  readonly id: string;
  readonly email: string;
  readonly domain: string;
  readonly options: CheckOptions;
  /** Epoch ms by which the caller wants an answer. */
  readonly deadlineMs: number;
  readonly traceId: string;
  /** Where the caller is, when known. */
  readonly place: Place | null;
};

type Answered = Extract<RealTimeAnswer, { kind: "answer" }>;
/** What came of asking the regions; `late` names the hub whose probe is still at it. */
type RegionAnswer = Answered | { readonly kind: "no_probe" } | { readonly kind: "late"; readonly hub: string };

/** The hubs of all regions, nearest first. */
export type Regions = {
  verify(task: RegionTask): Promise<RegionAnswer>;
};

/** Asks for leave to have a second opinion on a domain, once a day in the whole fleet; false when in doubt. */
export type Leave = (domain: string, region: string) => Promise<boolean>;

type Asked = { readonly region: string; readonly answer: Answered | { readonly kind: "late" } };

/**
 * Asks the nearest region; one without a probe, or with a queue, is passed over for a while. Trouble that may be about
 * the network it was asked from is looked at from the next region, while there is time and once per domain and day.
 */
export function createRegions(env: Env, leave: Leave): Regions {
  const passedOver = new Map<string, { readonly why: "no_probe" | "busy"; readonly untilMs: number }>();
  const isOpen = (region: string): boolean => (passedOver.get(region)?.untilMs ?? 0) <= Date.now();

  /** Null: no probe there, or too many wait. */
  async function ask(task: RegionTask, region: string, hub: string, hurried: boolean): Promise<Asked | null> {
    const { id, email, options, deadlineMs, traceId } = task;
    const answer = await hubFor(env, hub).verify({ id, email, options, deadlineMs, trace: traceId, hurried });
    if (answer.kind === "answer" || answer.kind === "late") {
      passedOver.delete(region);
      return { region, answer };
    }
    passedOver.set(region, { why: answer.kind, untilMs: Date.now() + NO_PROBE_MEMORY_MS });
    return null;
  }

  async function askFirst(task: RegionTask, nearest: readonly string[], hubOf: HubOf): Promise<Asked | null> {
    for (const region of nearest.filter(isOpen)) {
      const asked = await ask(task, region, hubOf(region), nearest.length > 1);
      if (asked !== null) return asked;
    }
    // Nobody is free: wait in the nearest queue; or look whether somebody has come to where nobody was.
    const queue = nearest.find((region) => passedOver.get(region)?.why === "busy") ?? nearest[0];
    return queue === undefined ? null : ask(task, queue, hubOf(queue), false);
  }

  async function askAgain(task: RegionTask, first: Answered, others: readonly string[], hubOf: HubOf) {
    for (const region of others) {
      const asked = await ask(task, region, hubOf(region), true);
      if (asked === null) continue;
      const { answer } = asked;
      return answer.kind === "answer" && answer.verdict.status !== "unknown" ? answer : first;
    }
    return first;
  }

  return {
    async verify(task) {
      const shard = await shardOf(task.domain, env.hubShards);
      const hubOf: HubOf = (region) => hubName(region, shard);
      const nearest = nearestFirst(env.regions, task.place);
      const asked = await askFirst(task, nearest, hubOf);
      if (asked === null) return { kind: "no_probe" };
      const { region, answer } = asked;
      if (answer.kind === "late") return { kind: "late", hub: hubOf(region) };
      if (answer.elsewhere !== true) return answer;
      const others = nearest.filter((other) => other !== region && isOpen(other));
      const inTime = task.deadlineMs - Date.now() >= SECOND_OPINION_MIN_MS;
      if (others.length === 0 || !inTime || !(await leave(task.domain, region))) return answer;
      return askAgain(task, answer, others, hubOf);
    },
  };
}

type HubOf = (region: string) => string;
