import { NeonDbError, type NeonQueryFunction, type NeonQueryPromise, neon, neonConfig } from "@neondatabase/serverless";
import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Env } from "../env.ts";

/** One row as the driver hands it out: int8 and numeric as text, timestamptz as Date, jsonb parsed. */
export type Row = Record<string, unknown>;

/** Postgres over HTTP. Every call is one request and one transaction. */
export type Database = {
  /** Runs statements as role `app` with the tenant set for this transaction alone; one list of rows per statement. */
  tenant(tenantId: string, statements: readonly SQL[]): Promise<Row[][]>;
  /** Runs one statement as role `app` without a tenant: only functions that look past it return anything. */
  app(statement: SQL): Promise<Row[]>;
  /** Runs one statement as role `dispatcher`, which may only call functions. */
  dispatcher(statement: SQL): Promise<Row[]>;
};

/** Why a statement failed: `unavailable` passes by itself, `rejected` will be said again. */
export type DatabaseFault = {
  readonly kind: "unavailable" | "rejected";
  readonly code: string;
  readonly message: string;
};

type Client = NeonQueryFunction<false, false>;

const dialect = new PgDialect();

/** Opens both roles. Nothing is connected before the first statement. */
export function createDatabase(env: Env): Database {
  const endpoint = env.databaseEndpoint;
  if (endpoint !== null) neonConfig.fetchEndpoint = () => endpoint;
  const app = neon(env.appDatabaseUrl);
  const dispatcher = neon(env.dispatcherDatabaseUrl);
  return {
    async tenant(tenantId, statements) {
      const context = query(app, sql`select set_config('app.tenant_id', ${tenantId}, true)`);
      const results = await app.transaction([context, ...statements.map((statement) => query(app, statement))]);
      return results.slice(1);
    },
    app: (statement) => query(app, statement),
    dispatcher: (statement) => query(dispatcher, statement),
  };
}

function query(client: Client, statement: SQL): NeonQueryPromise<false, false, Row[]> {
  const compiled = dialect.sqlToQuery(statement);
  return client.query<false, false>(compiled.sql, compiled.params);
}

/**
 * Turns the failure of a statement into a value.
 * @throws whatever is not the database's: that is a bug.
 */
export async function attempt<T>(work: Promise<T>): Promise<Result<T, DatabaseFault>> {
  try {
    return ok(await work);
  } catch (error) {
    if (!(error instanceof NeonDbError)) throw error;
    return err(faultOf(error));
  }
}

/** Whether an error says that Postgres cannot be reached or is too busy: the same statement may succeed later. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof NeonDbError && faultOf(error).kind === "unavailable";

/** Whether a statement was refused because the job is no longer taken in: it was paused or cancelled (MS004). */
export const isIngestStopped = (error: unknown): boolean => error instanceof NeonDbError && error.code === "MS004";

// Connection, resources, operator intervention, system: SQLSTATE classes that say nothing about the statement itself.
const PASSING = /^(08|40|53|55|57|58)/;

function faultOf(error: NeonDbError): DatabaseFault {
  const code = error.code ?? "";
  const passing = code === "" || PASSING.test(code);
  return { kind: passing ? "unavailable" : "rejected", code, message: error.message };
}
