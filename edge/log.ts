import { type Logger, pino } from "pino";
import { redactAddresses } from "../shared/reply/redact.ts";

/** One JSON line per event. Usual fields: trace_id, tenant, route, status, latency_ms. */
export type Log = Logger;

/**
 * The Worker's log: level, time (RFC 3339) and the fields of the call, one JSON object per line. Keys, secrets and
 * addresses are taken out of the whole line before it is written, wherever they stand.
 */
export const log: Log = pino({
  level: "info",
  browser: { asObject: true, write: (entry) => console.log(line(entry)) },
});

const LEVELS = new Map([
  [10, "trace"],
  [20, "debug"],
  [30, "info"],
  [40, "warn"],
  [50, "error"],
  [60, "fatal"],
]);

// Every credential of ours starts with its kind; what follows is never needed in a log.
const SECRETS = /\b(ev_live|ev_test|pt|whsec|st_live|st_dev)_[A-Za-z0-9+/=_-]+/g;

function line(entry: object): string {
  const { time, level, ...rest }: { time?: number; level?: number } = entry;
  const at = new Date(time ?? 0).toISOString();
  return redactLine(JSON.stringify({ level: LEVELS.get(level ?? 30) ?? "info", time: at, ...rest }));
}

/** Takes credentials and mail addresses out of a text. */
export const redactLine = (text: string): string => redactAddresses(text.replace(SECRETS, "$1_[secret]"));
