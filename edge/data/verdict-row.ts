import { storedDetail, type VerdictColumns, verdictStored } from "../../shared/verdict/stored.ts";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { Row } from "./database.ts";

/** The `detail` column of a verdict, as JSON that Postgres takes. */
export const detailOf = (verdict: Verdict): string => storableJson(storedDetail(verdict));

/** A row with `email, status, reason, score, checked_at, detail` as the flat verdict. */
export function verdictOf(row: Row): Verdict {
  const at = row.checked_at;
  const checkedAt = at instanceof Date ? at.toISOString() : String(at);
  return verdictStored({ ...(row as VerdictColumns), checked_at: checkedAt }, row.detail ?? {});
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
