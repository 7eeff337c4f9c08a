import { type DestinationStream, type Logger, pino } from "pino";
import { redactAddresses } from "../shared/reply/redact.ts";

export type Log = Logger;

// Every credential of ours starts with its kind, and database URLs carry a password; neither is ever needed in a log.
const SECRETS = /\b(ev_live|ev_test|pt|whsec|st_live|st_dev)_[A-Za-z0-9+/=_-]{8,}/g;
const URL_PASSWORD = /(\w+:\/\/[^:/\s"]+):[^@\s"]+@/g;

/**
 * A probe's log: one JSON object per line on stdout, with `level`, `time` (RFC 3339) and, where there is one,
 * `trace_id`. Addresses and secrets are taken out of the finished line, wherever they stand.
 */
export function createLog(
  fields: Readonly<Record<string, unknown>>,
  level = "info",
  out: DestinationStream = process.stdout,
): Log {
  return pino(
    {
      level,
      base: fields,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => out.write(redactLine(line)) },
  );
}

/** Takes credentials, passwords and mail addresses out of a text. */
const redactLine = (line: string): string =>
  redactAddresses(line.replace(SECRETS, "$1_[secret]").replace(URL_PASSWORD, "$1:[secret]@"));
