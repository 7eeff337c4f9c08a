import type { Environment, ProbeConfig } from "../config.ts";
import { type DoctorDeps, examine } from "./doctor.ts";
import { DOCTOR_INTERVAL_MS, DOCTOR_JITTER_MS, FOUND_MAX_CHARS } from "./limits.ts";
import { type CheckResult, type CheckState, readDoctorSettings } from "./types.ts";

/** What a probe tells its hub of its health with every heartbeat: the gravest state, and the checks not well. */
export type DoctorSummary = {
  /** Epoch ms of the examination. */
  readonly at: number;
  readonly state: CheckState;
  readonly trouble: readonly { readonly id: string; readonly state: CheckState; readonly found: string }[];
};

export type DoctorOptions = {
  readonly config: ProbeConfig;
  readonly env: Environment;
  /** Gets every examination: the summary for the hub, the results for the log. */
  readonly report: (summary: DoctorSummary, results: readonly CheckResult[]) => void;
  readonly deps?: DoctorDeps;
  readonly random?: () => number;
};

/** The doctor of a running probe: examines at once and then daily, until stopped. Keeps no process alive. */
export function startDoctor(options: DoctorOptions): { stop(): void } {
  const { config, env, report, random = Math.random } = options;
  const settings = readDoctorSettings(env);
  const leaving = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  const visit = async (): Promise<void> => {
    const results = await examine(config, settings, { ...options.deps, signal: leaving.signal });
    if (leaving.signal.aborted) return;
    report(summarise(results, Date.now()), results);
    timer = setTimeout(() => void visit(), DOCTOR_INTERVAL_MS + random() * DOCTOR_JITTER_MS);
    timer.unref();
  };
  void visit();
  return {
    stop() {
      leaving.abort();
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** The short form of an examination for the hub's view. */
export function summarise(results: readonly CheckResult[], nowMs: number): DoctorSummary {
  const trouble = results
    .filter(({ state }) => state === "warn" || state === "fail")
    .map(({ id, state, found }) => ({ id, state, found: found.slice(0, FOUND_MAX_CHARS) }));
  const state = trouble.some((one) => one.state === "fail") ? "fail" : trouble.length > 0 ? "warn" : "ok";
  return { at: nowMs, state, trouble };
}
