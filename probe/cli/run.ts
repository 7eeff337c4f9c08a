import { hostname } from "node:os";
import { REAL_TIME_SLOTS } from "../../shared/limits.ts";
import { createChecker } from "../check/create.ts";
import { type ProbeConfig, readProbeConfig } from "../config.ts";
import { joinFleet } from "../link/fleet.ts";
import { createLog, type Log } from "../log.ts";
import { steadyMemory } from "../memory.ts";
import { openPaces, type Paces } from "../pace/keeper.ts";
import { reconcileQuarantine } from "../pace/release.ts";
import { createSettler } from "../settle/settle.ts";
import { createVisitLog } from "../settle/visits.ts";
import { readVitalsConfig, startVitals, type VitalsConfig } from "../vitals.ts";

/** Leaves with this when the hub or the configuration says no: a supervisor need not start us again. */
const EXIT_REFUSED = 3;

/** What LOG_LEVEL may say; anything else is as if it said nothing. */
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** How long sockets that are closing may keep the process after its work is done. */
const LINGER_MS = 500;

/** What one build calls itself in the operator's view. */
const BUILD = "0.1.0";

type Role = { readonly ended: Promise<number>; stop(why: string): void };

/**
 * `run`: a server of the fleet, until SIGTERM or SIGINT. Exit codes: 0 after a drain, 1 when work in hand could not be
 * settled, 2 for a configuration at fault, 3 when the hub refuses this probe.
 */
export async function main(_args: string[]): Promise<number> {
  const config = readProbeConfig(process.env);
  if (!config.ok) return complain(config.error, 2);
  const missing = missingOf(config.value);
  if (missing !== null) return complain(missing, 2);
  const vitals = readVitalsConfig(process.env, config.value);
  if (!vitals.ok) return complain(vitals.error, 2);
  steadyMemory();
  const fields = { probe: probeId(config.value), region: config.value.region, host: hostname() };
  const log = createLog(
    fields,
    LEVELS.find((level) => level === process.env.LOG_LEVEL),
  );
  const roles: Role[] = [];
  if (config.value.roles.includes("smtp")) {
    try {
      roles.push(await smtpRole(config.value, vitals.value, log));
    } catch (error) {
      return complain(`cannot start: ${error instanceof Error ? error.message : String(error)}`, 2);
    }
  }
  if (config.value.roles.includes("courier")) roles.push(await courierRole(config.value, log));
  const stopAll = (why: string) => {
    for (const role of roles) role.stop(why);
  };
  const onSignal = (signal: string) => stopAll(signal);
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
  // One role that cannot go on takes the process with it: its supervisor decides what next.
  for (const role of roles) void role.ended.then(() => stopAll("another role has ended"));
  const codes = await Promise.all(roles.map((role) => role.ended));
  process.off("SIGTERM", onSignal);
  process.off("SIGINT", onSignal);
  const code = Math.max(...codes);
  // A doctor's question that is still on its way must not keep the process: nothing hangs on its answer any more.
  setTimeout(() => process.exit(code), LINGER_MS).unref();
  return code;
}

function complain(line: string, code: number): number {
  process.stderr.write(`mailsonar: ${line}\n`);
  return code;
}

function missingOf(config: ProbeConfig): string | null {
  const known = ["smtp", "courier"];
  const unknown = config.roles.find((role) => !known.includes(role));
  if (unknown !== undefined) return `PROBE_ROLES: no role "${unknown}" (there are ${known.join(" and ")})`;
  if (!config.roles.includes("smtp")) return null;
  if (config.edgeUrl === null) return "EDGE_URL is missing: where is the API?";
  if (config.token === null) return "PROBE_TOKEN is missing";
  if (config.databaseUrl === null) return "DATABASE_URL is missing (role probe)";
  return null;
}

/** The token is `pt_<id>_<secret>`; the id names the probe, an instance of it adds `.name`. */
function probeId(config: ProbeConfig): string {
  const id = config.token?.split("_")[1] ?? "none";
  const instance = process.env.PROBE_INSTANCE;
  return instance ? `${id}.${instance}` : id;
}

async function smtpRole(config: ProbeConfig, pages: VitalsConfig, log: Log): Promise<Role> {
  const quarantined = new Set<string>();
  const memory = createVisitLog(config.databaseUrl ?? "", config.region, (message) =>
    log.warn({ error: message }, "visits: trouble"),
  );
  const { paces, reconcile } = await recallPaces(config, log);
  const vitals = await startVitals(pages, {
    config,
    env: process.env,
    log,
    checker: createChecker(config, { paces, memory, mayUse: (source) => !quarantined.has(source) }),
    settler: createSettler(config.databaseUrl ?? "", (message) => {
      log.warn({ error: message }, "settle: trouble");
      vitals.metrics.settleTrouble();
    }),
  });
  const { checker, settler, metrics } = vitals;
  const quarantine = (sources: readonly string[]): void => {
    quarantined.clear();
    for (const source of sources) quarantined.add(source);
    log.warn({ sources }, "source addresses in quarantine");
    void reconcile();
    if (config.sources.every(({ address }) => quarantined.has(address))) {
      member.drain("every source address is in quarantine");
    }
  };
  const member = joinFleet(
    {
      edgeUrl: config.edgeUrl ?? "",
      token: config.token ?? "",
      shard: null,
      me: {
        probe: probeId(config),
        build: BUILD,
        region: config.region,
        sources: config.sources,
        slots: REAL_TIME_SLOTS,
        window: config.capacity,
        capabilities: ["detach", "parts", "quarantine"],
      },
      onWelcome(session) {
        metrics.welcomed();
        void reconcile();
        log.info({ session }, "ready");
      },
      onLoss(why, welcomed) {
        metrics.lost(welcomed);
        log.warn({ why }, "hub away");
      },
      onQuarantine: quarantine,
    },
    {
      checker,
      settler,
      now: Date.now,
      report: vitals.report,
      log: ({ trace, what, ...fields }) => log.info({ trace_id: trace, ...fields }, what),
    },
  );
  const ended = member.ended.then(async (end) => {
    await checker.close();
    await paces.close();
    await memory.close();
    await settler.close();
    await vitals.close();
    if (end.why === "drained") {
      log.info({}, "drained");
      return 0;
    }
    log.error({ why: end.why }, end.message);
    if (end.why === "timeout") return 1;
    return complain(`the hub refuses this probe: ${end.message}`, EXIT_REFUSED);
  });
  return { ended, stop: (why) => member.drain(why) };
}

/** The paces as the last process left them; `reconcile` lets the edge know of quarantines and tell of releases. */
async function recallPaces(config: ProbeConfig, log: Log): Promise<{ paces: Paces; reconcile: () => Promise<void> }> {
  let last: Promise<void> = Promise.resolve();
  const reconcile = (): Promise<void> => {
    last = last.then(() => reconcileQuarantine(config, paces.book.quarantine, log));
    return last;
  };
  const paces = await openPaces(config, { log, onQuarantined: () => void reconcile() });
  await reconcile();
  return { paces, reconcile };
}

/** Loaded only where the role is asked for: a probe without it needs neither its keys nor its HTTP client. */
async function courierRole(config: ProbeConfig, log: Log): Promise<Role> {
  const { startCourier } = await import("../courier/courier.ts");
  const { readCourierConfig } = await import("../courier/config.ts");
  const own = readCourierConfig(process.env, config.allowPrivateNetworks);
  if (!own.ok) return { ended: Promise.resolve(complain(own.error, 2)), stop: () => {} };
  const courier = startCourier(own.value, { log });
  log.info({}, "courier ready");
  let left: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    left = resolve;
  });
  return { ended, stop: () => void courier.stop().then(() => left(0)) };
}
