import { randomBytes, randomUUID } from "node:crypto";
import { Client } from "pg";
import { newWebhookSecret, sealSecret } from "../../../edge/webhooks/seal.ts";
import type { CourierConfig, CourierDeps } from "../../../probe/courier/config.ts";
import { type Courier, startCourier } from "../../../probe/courier/courier.ts";
import type { CourierTiming } from "../../../probe/courier/limits.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";

/** Seconds shrink to milliseconds; the lease stays long unless a test wants it to run out. */
export const QUICK: Partial<CourierTiming> = {
  retryDelaysMs: [30, 30, 30],
  pollMs: 20,
  pollMaxMs: 40,
  databaseRetryMaxMs: 100,
  gatherMs: 5,
};

export type DeliveryRow = {
  readonly state: string;
  readonly attempts: number;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly due_ms: number;
};

/** A database with one tenant, and what tests need to fill and read it. */
export class Bed {
  readonly database: TestDatabase;
  readonly sealingKey = randomBytes(32).toString("base64");
  readonly tenant = randomUUID();
  readonly #admin: Client;

  private constructor(database: TestDatabase) {
    this.database = database;
    this.#admin = new Client({ connectionString: database.superuserUrl });
  }

  static async make(): Promise<Bed> {
    const bed = new Bed(await freshDatabase());
    await bed.#admin.connect();
    await bed.#admin.query("INSERT INTO tenants (id, name) VALUES ($1, 'bed')", [bed.tenant]);
    return bed;
  }

  get config(): CourierConfig {
    return { databaseUrl: this.database.roleUrl("courier"), sealingKeys: [this.sealingKey], allowPrivate: true };
  }

  courier(
    timing: Partial<CourierTiming> = {},
    deps: Partial<CourierDeps> = {},
    config: Partial<CourierConfig> = {},
  ): Courier {
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    return startCourier({ ...this.config, ...config }, { log, ...deps, timing: { ...QUICK, ...timing } });
  }

  /** An active endpoint for every event type, with a sealed secret. */
  async endpoint(
    url: string,
    options: { types?: string[]; sealingKey?: string } = {},
  ): Promise<{ id: string; secret: string }> {
    const id = randomUUID();
    const secret = newWebhookSecret();
    const sealed = [await sealSecret(secret, options.sealingKey ?? this.sealingKey)];
    await this.#admin.query(
      "INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets) VALUES ($1, $2, $3, $4, $5)",
      [id, this.tenant, url, options.types ?? ["job.completed"], JSON.stringify(sealed)],
    );
    return { id, secret };
  }

  /** Raises `count` events at once; their payloads are {"n": 1} and so on. */
  async raise(count = 1, type = "job.completed", trace: string | null = null): Promise<string[]> {
    const { rows } = await this.#admin.query<{ id: string }>(
      "SELECT raise_event($1, $2, jsonb_build_object('n', n), $3) AS id FROM generate_series(1, $4::int) n",
      [this.tenant, type, trace, count],
    );
    return rows.map((row) => row.id);
  }

  async deliveries(endpoint: string): Promise<DeliveryRow[]> {
    const { rows } = await this.#admin.query<DeliveryRow>(
      `SELECT state, attempts, last_status, last_error, (extract(epoch FROM next_at - now()) * 1000)::float8 AS due_ms
         FROM deliveries WHERE endpoint_id = $1 ORDER BY created_at, id`,
      [endpoint],
    );
    return rows;
  }

  async query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.#admin.query<Row>(text, values)).rows;
  }

  async drop(): Promise<void> {
    await this.#admin.end();
    await this.database.drop();
  }
}
