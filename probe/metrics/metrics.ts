import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Verdict } from "../../shared/verdict/types.ts";
import { REASON_TABLE, type Reason } from "../../shared/verdict/vocabulary.ts";
import { VERSION } from "../../shared/version.ts";
import type { CheckerStats } from "../check/checker.ts";
import type { CheckResult } from "../doctor/types.ts";

/** What a running probe counts. Labels are of fixed, small sets: never a tenant, a domain, a host or an address. */
export type Metrics = {
  verdict(verdict: Verdict): void;
  deferred(): void;
  /** Work taken (+1) and finished (-1): a chunk, or a real-time check. */
  work(kind: "chunk" | "realtime", change: 1 | -1): void;
  settled(outcome: string, ms: number): void;
  settleTrouble(): void;
  /** A hub of the region has said welcome; a connection failed, or broke after that. */
  welcomed(): void;
  lost(welcomed: boolean): void;
  examined(results: readonly CheckResult[]): void;
  /** Whether any hub has this probe. */
  readonly connected: boolean;
  /** The text that Prometheus reads. */
  render(): Promise<string>;
};

const DOCTOR_VALUES = { skipped: 0, ok: 0, warn: 1, fail: 2 } as const;

/**
 * Metrics of one probe, in a registry of their own.
 * @param stats figures that the prober counts itself; read at each scrape
 */
export function createMetrics(stats: () => CheckerStats): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({ name: "mailsonar_build_info", help: "Always 1", labelNames: ["version"], registers }).set(
    { version: VERSION },
    1,
  );
  addProberMetrics(registers, stats);
  const verdicts = createVerdictCounter(registers);
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const deferrals = counter("mailsonar_deferred_total", "Addresses to be asked again later");
  const working = new Gauge({
    name: "mailsonar_work_running",
    help: "Chunks and real-time checks in hand",
    labelNames: ["kind"],
    registers,
  });
  const settles = new Histogram({
    name: "mailsonar_settle_seconds",
    help: "Time to settle a batch in Postgres, retries included",
    labelNames: ["outcome"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  const troubles = counter("mailsonar_settle_trouble_total", "Settlements that failed and were tried again");
  const online = new Gauge({ name: "mailsonar_hub_connected", help: "Hubs that have welcomed this probe", registers });
  const losses = counter("mailsonar_hub_losses_total", "Connections to the hub that failed or broke");
  const doctor = new Gauge({
    name: "mailsonar_doctor_check",
    help: "Last examination: 0 well or skipped, 1 warning, 2 failure",
    labelNames: ["check"],
    registers,
  });
  let hubs = 0;
  return {
    verdict: verdicts,
    deferred: () => deferrals.inc(),
    work: (kind, change) => working.inc({ kind }, change),
    settled: (outcome, ms) => settles.observe({ outcome }, ms / 1000),
    settleTrouble: () => troubles.inc(),
    welcomed() {
      hubs += 1;
      online.set(hubs);
    },
    lost(welcomed) {
      losses.inc();
      if (welcomed) hubs -= 1;
      online.set(hubs);
    },
    examined(results) {
      for (const { id, state } of results) doctor.set({ check: id }, DOCTOR_VALUES[state]);
    },
    get connected() {
      return hubs > 0;
    },
    render: () => registry.metrics(),
  };
}

/** Verdicts are counted for every address, so they go into plain maps and into the registry at a scrape. */
function createVerdictCounter(registers: Registry[]): (verdict: Verdict) => void {
  const byReason = new Map<Reason, number>();
  const byReply = new Map<string, number>();
  new Counter({
    name: "mailsonar_verdicts_total",
    help: "Final verdicts",
    labelNames: ["status", "reason"],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of byReason) this.inc({ status: REASON_TABLE[reason].status, reason }, count);
    },
  });
  new Counter({
    name: "mailsonar_replies_total",
    help: "Replies that decided, by stage and first digit of the code",
    labelNames: ["stage", "class"],
    registers,
    collect() {
      this.reset();
      for (const [key, count] of byReply) {
        const [stage = "", digit = ""] = key.split(" ");
        this.inc({ stage, class: `${digit}xx` }, count);
      }
    },
  });
  return ({ reason, evidence }) => {
    byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
    if (evidence.code === null) return;
    const key = `${evidence.stage ?? "none"} ${Math.trunc(evidence.code / 100)}`;
    byReply.set(key, (byReply.get(key) ?? 0) + 1);
  };
}

/** Figures that the prober keeps anyway. */
function addProberMetrics(registers: Registry[], stats: () => CheckerStats): void {
  const gauge = (name: string, help: string, read: (s: CheckerStats) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(stats()));
      },
    });
  const counter = (name: string, help: string, read: (s: CheckerStats) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(stats()));
      },
    });
  gauge("mailsonar_addresses_running", "Addresses being checked", (s) => s.running);
  gauge("mailsonar_smtp_connections_open", "SMTP connections, pooled ones included", (s) => s.connections.open);
  counter("mailsonar_smtp_connections_opened_total", "SMTP connections made", (s) => s.connections.opened);
  counter("mailsonar_smtp_connections_failed_total", "SMTP connections that failed", (s) => s.connections.failed);
  counter("mailsonar_dns_queries_total", "DNS queries sent", (s) => s.dns.queries);
  counter("mailsonar_dns_cache_hits_total", "DNS questions answered from memory", (s) => s.dns.hits);
  counter("mailsonar_catch_all_hits_total", "Catch-all questions answered from memory", (s) => s.catchAll.hits);
  counter("mailsonar_catch_all_misses_total", "Catch-all questions that had to be asked", (s) => s.catchAll.misses);
  new Gauge({
    name: "mailsonar_breakers",
    help: "Operators and hosts by the state of their circuit breaker",
    labelNames: ["state"],
    registers,
    collect() {
      this.reset();
      for (const { state } of stats().breakers) this.inc({ state });
    },
  });
}
