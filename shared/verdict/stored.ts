import type { Verdict, VerdictEvidence, VerdictFlags } from "./types.ts";

/** Fields of a verdict that have columns of their own. */
export type VerdictColumns = Pick<Verdict, "email" | "status" | "reason" | "score" | "checked_at">;

const NO_FLAGS: VerdictFlags = {
  disposable: false,
  role: false,
  free: false,
  privacy_relay: false,
  catch_all: "unknown",
  catch_all_confidence: null,
  mailbox_full: false,
  disabled: false,
  no_reply: false,
  tagged: false,
  forwarded: false,
  moved: false,
  soft_code: false,
  exists: false,
};

const NO_EVIDENCE: VerdictEvidence = {
  code: null,
  enhanced_code: null,
  text: null,
  stage: null,
  host: null,
  rule: null,
  tls: null,
  detail: null,
  factors: [],
  transcript: null,
};

/**
 * What is stored of a verdict beside its columns: the fields that say something. A list of a million is mostly values
 * that say nothing.
 */
export function storedDetail(verdict: Verdict): Record<string, unknown> {
  const detail: Record<string, unknown> = {
    reasons: verdict.reasons,
    rating: verdict.rating,
    score_version: verdict.score_version,
  };
  if (verdict.safe_to_send) detail.safe_to_send = true;
  if (verdict.did_you_mean !== null) detail.did_you_mean = verdict.did_you_mean;
  if (verdict.mx !== null) detail.mx = verdict.mx;
  if (verdict.provider !== null) detail.provider = verdict.provider;
  if (verdict.probe_region !== null) detail.probe_region = verdict.probe_region;
  if (verdict.retry_after !== null) detail.retry_after = verdict.retry_after;
  if (verdict.cached) detail.cached = true;
  detail.flags = differing(verdict.flags, NO_FLAGS);
  detail.evidence = differing(verdict.evidence, NO_EVIDENCE);
  return detail;
}

function differing<T extends object>(value: T, nothing: T): Partial<T> {
  const kept: Partial<T> = {};
  for (const name in value) {
    const field = value[name];
    if (field !== nothing[name] && !(Array.isArray(field) && field.length === 0)) kept[name] = field;
  }
  return kept;
}

/** The flat verdict that was stored: its columns, its detail, and nothing learnt where neither says anything. */
export function verdictStored(columns: VerdictColumns, detail: Partial<Verdict>): Verdict {
  return {
    email: columns.email,
    status: columns.status,
    reason: columns.reason,
    reasons: detail.reasons ?? [columns.reason],
    score: columns.score,
    rating: detail.rating ?? "bad",
    score_version: detail.score_version ?? "",
    safe_to_send: detail.safe_to_send ?? false,
    flags: { ...NO_FLAGS, ...detail.flags },
    did_you_mean: detail.did_you_mean ?? null,
    mx: detail.mx ?? null,
    provider: detail.provider ?? null,
    probe_region: detail.probe_region ?? null,
    checked_at: columns.checked_at,
    cached: detail.cached ?? false,
    retry_after: detail.retry_after ?? null,
    evidence: { ...NO_EVIDENCE, ...detail.evidence },
  };
}
