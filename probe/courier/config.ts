import { err, ok, type Result } from "../../shared/result.ts";
import type { Environment } from "../config.ts";
import type { ResolveHost } from "../guard/address-guard.ts";
import type { CourierTiming } from "./limits.ts";

/** What the courier needs of a logger; pino's fits. */
export type CourierLog = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** What an operator sets. */
export type CourierConfig = {
  /** Postgres as role `courier`. */
  readonly databaseUrl: string;
  /** 32 bytes in base64 each; the current one and, during a rotation, the one before. */
  readonly sealingKeys: readonly string[];
  /** Loopback and private networks may be dialled: local stack and tests only. */
  readonly allowPrivate: boolean;
};

/** Seams of the courier. */
export type CourierDeps = {
  readonly log: CourierLog;
  readonly resolve?: ResolveHost;
  readonly random?: () => number;
  readonly timing?: Partial<CourierTiming>;
};

/**
 * Reads the courier's own variables: COURIER_DATABASE_URL (else DATABASE_URL) and COURIER_SEALING_KEY (one key, or
 * several with commas between). The error is one line that names the variable, never its value.
 */
export function readCourierConfig(env: Environment, allowPrivate: boolean): Result<CourierConfig, string> {
  const databaseUrl = env.COURIER_DATABASE_URL || env.DATABASE_URL;
  if (!databaseUrl) return err("COURIER_DATABASE_URL is needed for the role courier");
  const sealingKeys = (env.COURIER_SEALING_KEY ?? "").split(",").map((key) => key.trim());
  if (!sealingKeys.every((key) => /^[A-Za-z0-9+/]{43}=$/.test(key))) {
    return err("COURIER_SEALING_KEY must be 32 bytes in base64, or several of those separated by commas");
  }
  return ok({ databaseUrl, sealingKeys, allowPrivate });
}
