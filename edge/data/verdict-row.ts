import type { Verdict, VerdictEvidence, VerdictFlags } from "../../shared/verdict/types.ts";
import type { Row } from "./database.ts";

/** Fields of a verdict that have columns of their own. */
type Columns = "email" | "status" | "reason" | "score" | "checked_at" | "cached";

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
};

/** Every other field as it is when nothing was learnt: such values are not stored. */
const NOTHING: Omit<Verdict, Columns> = {
  reasons: [],
  rating: "bad",
  score_version: "",
  safe_to_send: false,
  flags: NO_FLAGS,
  did_you_mean: null,
  mx: null,
  provider: null,
  probe_region: null,
  retry_after: null,
  evidence: NO_EVIDENCE,
};

/**
 * The `detail` column: the verdict without the fields that have columns and without values that say nothing, as JSON
 * that Postgres takes. A list of a million is mostly such values.
 */
export function detailOf(verdict: Verdict): string {
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
  return storableJson(detail);
}

function differing<T extends object>(value: T, nothing: T): Partial<T> {
  const kept: Partial<T> = {};
  for (const name in value) {
    const field = value[name];
    if (field !== nothing[name] && !(Array.isArray(field) && field.length === 0)) kept[name] = field;
  }
  return kept;
}

/** A row with `email, status, reason, score, checked_at, detail` as the flat verdict. */
export function verdictOf(row: Row): Verdict {
  const detail = (row.detail ?? {}) as Partial<Verdict>;
  const columns = row as Pick<Verdict, "email" | "status" | "reason" | "score">;
  const at = row.checked_at;
  return {
    email: columns.email,
    status: columns.status,
    reason: columns.reason,
    reasons: detail.reasons ?? [columns.reason],
    score: columns.score,
    rating: detail.rating ?? NOTHING.rating,
    score_version: detail.score_version ?? NOTHING.score_version,
    safe_to_send: detail.safe_to_send ?? false,
    flags: { ...NO_FLAGS, ...detail.flags },
    did_you_mean: detail.did_you_mean ?? null,
    mx: detail.mx ?? null,
    provider: detail.provider ?? null,
    probe_region: detail.probe_region ?? null,
    checked_at: at instanceof Date ? at.toISOString() : String(at),
    cached: detail.cached ?? false,
    retry_after: detail.retry_after ?? null,
    evidence: { ...NO_EVIDENCE, ...detail.evidence },
  };
}

// What JSON may carry and Postgres refuses: the NUL character and half a surrogate pair.
const UNSTORABLE = /\\u0000|\\ud[89a-f]/i;

/** JSON in which every text can be stored by Postgres; what cannot be becomes U+FFFD. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!UNSTORABLE.test(json)) return json;
  return JSON.stringify(value, (_, field) => (typeof field === "string" ? storable(field) : field));
}

/** A text that Postgres can store. */
export const storable = (text: string): string => text.replaceAll("\0", "\ufffd").toWellFormed();
