import { retryPlan } from "../../shared/reply/retry.ts";
import { mayAskElsewhere } from "../../shared/reply/second-opinion.ts";
import type { RetryClass } from "../../shared/reply/types.ts";
import { decide } from "../../shared/verdict/decide.ts";
import type { Evidence, Finding } from "../../shared/verdict/types.ts";
import type { ChunkItem } from "../../shared/wire/frames.ts";
import { RETRY_MIN_MS, TRANSCRIPT_MAX_LINES } from "../limits.ts";
import type { Profile } from "../pace/profile.ts";
import type { CheckerOptions, CheckOutcome } from "./checker.ts";
import type { Subject } from "./subject.ts";

export type OutcomeContext = {
  readonly profile: Profile;
  readonly region: string;
  readonly source: string;
};

/** No deferred item is carried on for longer: a job has to end, and asking again later is a new job. */
const CARRY_MAX_MS = 12 * 3_600_000;

/** Last step of a check: evidence to verdict, and whether to ask again later instead of answering. */
export function outcomeOf(
  subject: Subject,
  options: CheckerOptions,
  context: OutcomeContext,
  nowMs: number,
): CheckOutcome {
  const delayMs = retryDelay(subject, context, nowMs);
  const verdict = decide(evidenceOf(subject, options, context, delayMs), { roleIsRisky: options.role_is_risky }, nowMs);
  // "unconfirmed" waits as well when its control was only greylisted, or the best host has only put us off.
  const open = verdict.status === "unknown" || verdict.reason === "unconfirmed";
  const elsewhere = verdict.status === "unknown" && mayAskElsewhere(subject.findings);
  if (options.finalOnly === true || delayMs === null || !open) {
    return elsewhere ? { kind: "final", verdict, elsewhere } : { kind: "final", verdict };
  }
  const { item } = subject;
  return {
    kind: "deferred",
    item: {
      ...item,
      // A rate limit says nothing about this address: it does not use up one of its attempts.
      tries: item.tries + (subject.retry === "rate" ? 0 : 1),
      due: nowMs + delayMs,
      first: item.first === 0 ? nowMs : item.first,
      last: subject.template ?? undefined,
    },
    provisional: verdict,
    source: context.source,
    ...(elsewhere ? { elsewhere } : {}),
  };
}

function retryDelay(subject: Subject, context: OutcomeContext, nowMs: number): number | null {
  const { item, retry } = subject;
  if (retry === null) return null;
  const { timeScale } = context.profile;
  if (item.first > 0 && nowMs - item.first > CARRY_MAX_MS * timeScale) return null;
  const plan = retryPlan(laterClass(retry), item.tries + 1);
  if (plan === null) return null;
  const delayMs = Math.max(RETRY_MIN_MS, plan.delayMs * timeScale, subject.waitMinMs * timeScale);
  return retry === "rate" ? Math.max(delayMs, subject.coolDownMs) : delayMs;
}

/** The one immediate reconnection has been made by now: what is left of "reconnect" is an ordinary "not now". */
const laterClass = (retry: RetryClass): RetryClass => (retry === "reconnect" ? "temporary" : retry);

/** The allow rule under which an address is asked, if any: its own in a list, the task's in a real-time check. */
export function allowRuleOf(item: ChunkItem, options: CheckerOptions): Evidence["tenantRule"] {
  const id = item.allow_rule ?? options.allow_rule;
  return id === undefined ? null : { id, kind: "allow" };
}

/** What a cached control answer rests on was said before, and is in nobody's transcript. */
function transcriptOf({ transcript }: Subject): readonly string[] | null {
  return transcript === null ? null : [...transcript.own, ...transcript.shared].slice(0, TRANSCRIPT_MAX_LINES);
}

function evidenceOf(
  subject: Subject,
  options: CheckerOptions,
  context: OutcomeContext,
  delayMs: number | null,
): Evidence {
  const { findings } = subject;
  return {
    facts: subject.facts,
    mode: options.mode,
    tenantRule: allowRuleOf(subject.item, options),
    suppressed: false,
    findings: delayMs === null ? findings : findings.map((finding): Finding => ({ ...finding, retryAfterMs: delayMs })),
    catchAll: subject.catchAll,
    parked: subject.parked,
    disposableMx: subject.disposableMx,
    mx: subject.mx,
    provider: subject.provider,
    acceptsThenBounces: subject.acceptsThenBounces,
    probeRegion: context.region,
    tls: subject.tls,
    outcome: null,
    transcript: transcriptOf(subject),
  };
}
