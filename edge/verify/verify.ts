import { decide, emptyEvidence } from "../../shared/verdict/decide.ts";
import type { Evidence, Finding, Verdict } from "../../shared/verdict/types.ts";
import type { Mode, Reason } from "../../shared/verdict/vocabulary.ts";
import type { KnownKey } from "../access.ts";
import { type LateCheck, planLateCheck, storeLateCheck } from "../data/checks.ts";
import { attempt } from "../data/database.ts";
import { hubFor } from "../hub/rpc.ts";
import { log } from "../log.ts";
import type { Services } from "../services.ts";
import { counts, type DomainFact, factIn, keepFact, keepVerdict, readFact, readVerdict, verdictKey } from "./cache.ts";
import type { Place } from "./places.ts";
import { type ReadAddress, readAddress } from "./text.ts";

export type CheckRequest = {
  readonly id: string;
  readonly email: string;
  readonly mode: Mode;
  readonly timeoutMs: number;
  /** Ask again whatever is cached. */
  readonly fresh: boolean;
  /** Tell what was said to and by the mail host. No earlier answer knows, so none will do. */
  readonly transcript: boolean;
  readonly caller: KnownKey;
  readonly traceId: string;
  readonly place: Place | null;
  readonly waitUntil: (work: Promise<unknown>) => void;
};

/** A verdict and where it came from; or `late`: the check goes on under its id. */
export type CheckAnswer =
  | { readonly kind: "verdict"; readonly verdict: Verdict; readonly source: "edge" | "probe" | "cache" }
  | { readonly kind: "late" };

/** Decides what the text decides. Null: somebody has to be asked, see {@link askAround}. */
export function decideByText(request: CheckRequest, nowMs: number): { read: ReadAddress; answer: CheckAnswer | null } {
  const read = readAddress(request.email, request.mode, request.caller, nowMs);
  return { read, answer: read.verdict === null ? null : { kind: "verdict", verdict: read.verdict, source: "edge" } };
}

/** One address that its text does not settle: the tenant's cache, facts of the domain, then the regions' probes. */
export async function askAround(services: Services, request: CheckRequest, read: ReadAddress): Promise<CheckAnswer> {
  const { address } = read.facts;
  if (address === null) throw new Error("an address that does not parse is decided by its text");
  const { kv } = services.env;
  const key = await verdictKey(request.caller.key.tenant_id, address.normalised, request.caller.roleIsRisky);
  // A kept verdict does not tell under which rule it was made.
  const { cache } = request.caller;
  const kept = request.mode === "full" && read.tenantRule === null && cache.days > 0;
  if (!request.fresh && !request.transcript) {
    const [verdict, fact] = await Promise.all([
      kept ? readVerdict(kv, key, cache, address.domain) : null,
      readFact(kv, address.domain),
    ]);
    if (verdict !== null) return { kind: "verdict", verdict: { ...verdict, email: read.facts.input }, source: "cache" };
    if (
      fact !== null &&
      counts(cache, address.domain, fact.learned_at) &&
      (request.mode === "full" || fact.fact !== "catch_all")
    ) {
      return { kind: "verdict", verdict: byFact(request, read, fact), source: "edge" };
    }
  }
  const answer = await askProbes(services, request, read, address.domain);
  if (answer.kind === "verdict" && answer.source === "probe") {
    const fact = factIn(answer.verdict, Date.now());
    if (kept) request.waitUntil(keepVerdict(kv, key, withoutTranscript(answer.verdict), cache));
    if (fact !== null) request.waitUntil(keepFact(kv, address.domain, fact));
  }
  return answer;
}

/** A verdict as it is kept: a transcript is for the caller who asked for it. */
export const withoutTranscript = (verdict: Verdict): Verdict =>
  verdict.evidence.transcript ? { ...verdict, evidence: { ...verdict.evidence, transcript: null } } : verdict;

async function askProbes(
  services: Services,
  request: CheckRequest,
  read: ReadAddress,
  domain: string,
): Promise<CheckAnswer> {
  const options = {
    mode: request.mode,
    role_is_risky: request.caller.roleIsRisky,
    transcript: request.transcript,
    ...(read.tenantRule?.kind === "allow" ? { allow_rule: read.tenantRule.id } : {}),
  };
  const { id, email, traceId, place } = request;
  const deadlineMs = Date.now() + request.timeoutMs;
  const answer = await services.regions.verify({ id, email, domain, options, deadlineMs, traceId, place });
  if (answer.kind === "answer") return { kind: "verdict", verdict: answer.verdict, source: "probe" };
  if (answer.kind === "no_probe") return unknownFor(request, read, "no_probe_available");
  const { tenant_id: tenantId, id: keyId } = request.caller.key;
  const ticket = crypto.randomUUID();
  return leaveBehind(services, request, read, {
    id,
    tenantId,
    keyId,
    hub: answer.hub,
    ticket,
    email,
    domain,
    options,
    traceId,
  });
}

/**
 * The caller's time is up: first the check becomes a chunk in Postgres, as if its hub had taken it, then the hub hands
 * it the running attempt. Whatever dies in between, the sweep finds the chunk.
 */
async function leaveBehind(
  services: Services,
  request: CheckRequest,
  read: ReadAddress,
  check: LateCheck,
): Promise<CheckAnswer> {
  const stored = await attempt(storeLateCheck(services.database, check));
  if (!stored.ok) {
    log.error({ trace_id: request.traceId, code: stored.error.code }, "late check not stored, answered as timeout");
    return unknownFor(request, read, "timeout");
  }
  const handOver = async (): Promise<void> => {
    const hub = hubFor(services.env, check.hub);
    const outcome = await hub.detach(check.id, check.id, check.ticket).catch(() => "gone" as const);
    if (outcome === "detached") return;
    await planLateCheck(services.database, check);
    await hub.wake();
  };
  request.waitUntil(
    handOver().catch((error) =>
      log.warn({ trace_id: request.traceId, err: String(error) }, "late check left to the sweep"),
    ),
  );
  return { kind: "late" };
}

function byFact(request: CheckRequest, read: ReadAddress, fact: DomainFact): Verdict {
  const evidence: Evidence = {
    ...emptyEvidence(read.facts, request.mode),
    tenantRule: read.tenantRule,
    findings: [finding(fact.fact, "known-domain-fact")],
    catchAll: fact.fact === "catch_all" ? { answer: "yes", confidence: fact.confidence } : null,
    mx: fact.mx,
    provider: fact.provider,
  };
  return decide(evidence, request.caller, Date.now());
}

/** Nobody could be asked, or nobody answered in time: that is our doing and says nothing about the address. */
function unknownFor(request: CheckRequest, read: ReadAddress, reason: "no_probe_available" | "timeout"): CheckAnswer {
  const evidence: Evidence = {
    ...emptyEvidence(read.facts, request.mode),
    tenantRule: read.tenantRule,
    findings: [finding(reason, reason.replaceAll("_", "-"))],
  };
  return { kind: "verdict", verdict: decide(evidence, request.caller, Date.now()), source: "edge" };
}

const finding = (reason: Reason, rule: string): Finding => ({
  reason,
  rule,
  reply: null,
  retryAfterMs: null,
  flags: [],
});
