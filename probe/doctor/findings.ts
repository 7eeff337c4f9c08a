import type { CheckState, Finding } from "./types.ts";

export const fine = (found: string): Finding => ({ state: "ok", found, mend: null });
export const skip = (found: string): Finding => ({ state: "skipped", found, mend: null });
export const warn = (found: string, mend: string): Finding => ({ state: "warn", found, mend });
export const fail = (found: string, mend: string): Finding => ({ state: "fail", found, mend });

/** From harmless to harmful. */
const GRAVITY: readonly CheckState[] = ["skipped", "ok", "warn", "fail"];

/**
 * One finding out of several of a kind (one per source address, one per list): the gravest state, the texts of that
 * state, each mend once. Nothing at all is `skipped`.
 */
export function gravest(findings: readonly Finding[]): Finding {
  const state = GRAVITY.findLast((one) => findings.some((finding) => finding.state === one)) ?? "skipped";
  const those = findings.filter((finding) => finding.state === state);
  const mends = [...new Set(those.flatMap((finding) => finding.mend ?? []))];
  const condemned = [...new Set(those.flatMap((finding) => finding.condemned ?? []))];
  return {
    state,
    found: those.map((finding) => finding.found).join("; "),
    mend: mends.length === 0 ? null : mends.join(" "),
    ...(condemned.length === 0 ? {} : { condemned }),
  };
}
