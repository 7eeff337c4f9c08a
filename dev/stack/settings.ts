import { isAbsolute, resolve } from "node:path";
import { err, ok, type Result } from "../../shared/result.ts";

/** What the environment says about the local stack. */
export type StackSettings = {
  /** Port of the API. */
  readonly port: number;
  /** Folder that holds the database, the Worker's storage, credentials and ready.json. */
  readonly dataDir: string;
  /** Whether the mail world stands for the internet; without it the probe uses the environment it is given. */
  readonly world: boolean;
  /** An ordinary Postgres to use instead of the embedded one: an owner's URL. */
  readonly databaseUrl: string | null;
};

/** Reads MAILSONAR_PORT, MAILSONAR_DATA, MAILSONAR_WORLD and DATABASE_URL. Errors name the variable. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Result<StackSettings, string> {
  const port = Number(env.MAILSONAR_PORT || "8787");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    return err(`MAILSONAR_PORT must be a port number, not "${env.MAILSONAR_PORT}"`);
  }
  const world = env.MAILSONAR_WORLD || "on";
  if (world !== "on" && world !== "off") return err(`MAILSONAR_WORLD must be "on" or "off", not "${world}"`);
  const databaseUrl = env.DATABASE_URL || null;
  if (databaseUrl !== null && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    return err("DATABASE_URL must begin with postgres://");
  }
  const folder = env.MAILSONAR_DATA || ".data";
  return ok({ port, dataDir: isAbsolute(folder) ? folder : resolve(folder), world: world === "on", databaseUrl });
}
