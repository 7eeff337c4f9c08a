import pg from "pg";
import { err, ok, type Result } from "../../shared/result.ts";

/** A claimed delivery. `attempts` counts the one that is about to be made; `payload` and `secrets` are JSON text. */
export type Delivery = {
  readonly id: string;
  readonly endpoint_id: string;
  readonly event_id: string;
  readonly attempts: number;
  readonly url: string;
  readonly secrets: string;
  readonly type: string;
  readonly payload: string;
  readonly trace_id: string | null;
  readonly event_ms: number;
};

/** One row for record_attempts(); times are ISO 8601. */
export type AttemptRecord = {
  readonly id: string;
  readonly attempt_no: number;
  readonly at: string;
  readonly duration_ms: number;
  readonly status_code: number | null;
  readonly error: string | null;
  readonly response: string | null;
  readonly state: "delivered" | "pending" | "dead";
  readonly next_at: string | null;
};

/** Postgres said no, or nothing. `data` means that the rows themselves were refused (SQLSTATE class 22). */
export type StoreError = { readonly kind: "unavailable" | "data"; readonly detail: string };

/** The courier's two statements. */
export type CourierStore = {
  claim(
    cap: number,
    most: number,
    leaseMs: number,
    inFlight: Readonly<Record<string, number>>,
  ): Promise<Result<readonly Delivery[], StoreError>>;
  record(attempts: readonly AttemptRecord[]): Promise<Result<number, StoreError>>;
  close(): Promise<void>;
};

const CLAIM = {
  name: "claim",
  // Texts, not parsed values: the payload travels into the body as it is, the secrets are a cache key.
  text: `SELECT id, endpoint_id, event_id, attempts, url, secrets::text, type, payload::text, trace_id,
           floor(extract(epoch FROM event_at) * 1000)::float8 AS event_ms
         FROM claim_deliveries($1, $2, $3, $4)`,
};
const RECORD = { name: "record", text: "SELECT record_attempts($1) AS moved" };

/**
 * Opens the store as role `courier`. Two connections: one claims while the other records.
 * Lost connections are reported once each and opened again by the next statement.
 */
export function openStore(databaseUrl: string, onLost: (detail: string) => void): CourierStore {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 2,
    connectionTimeoutMillis: 5_000,
    query_timeout: 20_000,
    keepAlive: true,
    application_name: "mailsonar-courier",
  });
  pool.on("error", (error) => onLost(error.message));
  return {
    async claim(cap, most, leaseMs, inFlight) {
      try {
        const values = [cap, most, leaseMs, JSON.stringify(inFlight)];
        return ok((await pool.query<Delivery>({ ...CLAIM, values })).rows);
      } catch (error) {
        return err(storeError(error));
      }
    },
    async record(attempts) {
      try {
        const values = [JSON.stringify(attempts)];
        return ok((await pool.query<{ moved: number }>({ ...RECORD, values })).rows[0]?.moved ?? 0);
      } catch (error) {
        return err(storeError(error));
      }
    },
    close: () => pool.end(),
  };
}

function storeError(error: unknown): StoreError {
  const detail = error instanceof Error ? error.message : String(error);
  const refused = error instanceof pg.DatabaseError && error.code?.startsWith("22") === true;
  return { kind: refused ? "data" : "unavailable", detail };
}
