import { err, ok, type Result } from "../shared/result.ts";
import type { Checker, CheckerStats } from "./check/checker.ts";
import type { Environment, ProbeConfig } from "./config.ts";
import { type DoctorSummary, startDoctor } from "./doctor/daily.ts";
import { askForQuarantine, condemnedBy } from "./doctor/report-listed.ts";
import type { CheckResult } from "./doctor/types.ts";
import { type IdentityConfig, readIdentityConfig, serveIdentity } from "./identity/server.ts";
import type { Log } from "./log.ts";
import { measureChecker, measureSettler } from "./metrics/measure.ts";
import { createMetrics, type Metrics } from "./metrics/metrics.ts";
import { type MetricsConfig, readMetricsConfig, serveMetrics } from "./metrics/server.ts";
import type { PageServer } from "./serve.ts";
import type { Settler } from "./settle/settle.ts";

/** What a running probe shows of itself. */
export type VitalsConfig = {
  readonly metrics: MetricsConfig | null;
  readonly identity: IdentityConfig | null;
};

/** Reads what concerns metrics and the identity page; the error names the variable at fault. */
export function readVitalsConfig(env: Environment, config: ProbeConfig): Result<VitalsConfig, string> {
  const metrics = readMetricsConfig(env);
  if (!metrics.ok) return err(metrics.error);
  const identity = readIdentityConfig(env, config);
  return identity.ok ? ok({ metrics: metrics.value, identity: identity.value }) : err(identity.error);
}

/** The prober and the settler, measured, with everything that watches them. */
export type Vitals = {
  readonly checker: Checker;
  readonly settler: Settler;
  readonly metrics: Metrics;
  /** What each heartbeat tells the hub. */
  report(): Record<string, unknown>;
  close(): Promise<void>;
};

export type Watched = {
  readonly config: ProbeConfig;
  readonly env: Environment;
  readonly log: Log;
  readonly checker: Checker;
  readonly settler: Settler;
};

/**
 * Starts the pages that are configured and the daily doctor.
 * @throws when a port cannot be taken
 */
export async function startVitals(settings: VitalsConfig, watched: Watched): Promise<Vitals> {
  const { config, env, log, checker, settler } = watched;
  const metrics = createMetrics(() => checker.stats());
  const servers: PageServer[] = [];
  if (settings.metrics !== null) servers.push(await serveMetrics(settings.metrics, metrics));
  if (settings.identity !== null) servers.push(await serveIdentity(settings.identity));
  let health: DoctorSummary | null = null;
  const doctor = startDoctor({
    config,
    env,
    report(summary, results) {
      health = summary;
      metrics.examined(results);
      for (const { id, state, found, mend } of results) {
        if (state === "warn" || state === "fail") log.warn({ check: id, state, found, mend }, "doctor");
      }
      log.info({ state: summary.state }, "examined");
      void quarantineListed(config, log, results);
    },
  });
  return {
    checker: measureChecker(checker, metrics),
    settler: measureSettler(settler, metrics),
    metrics,
    report: (): CheckerStats & { doctor: DoctorSummary | null } => ({ ...checker.stats(), doctor: health }),
    async close() {
      doctor.stop();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

async function quarantineListed(config: ProbeConfig, log: Log, results: readonly CheckResult[]): Promise<void> {
  for (const { source, reason } of condemnedBy(results)) {
    const asked = await askForQuarantine(config, source, reason);
    if (asked.ok) log.warn({ source, reason }, "quarantined");
    else log.error({ source, reason, error: asked.error }, "listed, and not in quarantine");
  }
}
