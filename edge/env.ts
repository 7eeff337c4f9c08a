import { z } from "zod";

/** Checked environment of the Worker. This file is the only reader of raw bindings. */
export type Env = {
  readonly kv: KVNamespace;
  readonly files: R2Bucket;
  readonly hubs: DurableObjectNamespace;
  readonly meters: DurableObjectNamespace;
  readonly ingestQueue: Queue<unknown>;
  readonly workQueue: Queue<unknown>;
  readonly resultsQueue: Queue<unknown>;
  /** Postgres as role `app` (tenant context in every batch) and as role `dispatcher` (functions only). */
  readonly appDatabaseUrl: string;
  readonly dispatcherDatabaseUrl: string;
  /** HTTP endpoint that stands for Neon's in the local stack; null in production. */
  readonly databaseEndpoint: string | null;
  /** Whether webhooks may go to private addresses: in the local stack, whose receiver is on loopback. */
  readonly privateWebhooks: boolean;
  /** 32 bytes, base64: seals webhook secrets at rest. */
  readonly sealingKey: string;
  readonly regions: readonly [string, ...string[]];
  readonly hubShards: number;
  /** A region without probes for this long lets others have its planned work. */
  readonly moveAfterMs: number;
};

const vars = z.object({
  APP_DATABASE_URL: z.string().startsWith("postgres"),
  DISPATCHER_DATABASE_URL: z.string().startsWith("postgres"),
  DATABASE_ENDPOINT: z.string().default(""),
  SEALING_KEY: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, "must be 32 bytes in base64"),
  REGIONS: z.string().regex(/^[a-z0-9-]+(,[a-z0-9-]+)*$/, "must be region names separated by commas"),
  MOVE_AFTER_MINUTES: z.coerce.number().min(0).max(1_440).default(5),
  HUB_SHARDS: z.coerce.number().int().min(1).max(1_000),
});

/**
 * Turns raw bindings into the checked environment.
 * @throws when the deployment is misconfigured; the message names the variable and never its value.
 */
export function readEnv(raw: Cloudflare.Env): Env {
  const parsed = vars.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`configuration: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const [first = "", ...others] = parsed.data.REGIONS.split(",");
  return {
    kv: raw.KV,
    files: raw.FILES,
    hubs: raw.PROBE_HUB,
    meters: raw.METER,
    ingestQueue: raw.INGEST,
    workQueue: raw.WORK,
    resultsQueue: raw.RESULTS,
    appDatabaseUrl: parsed.data.APP_DATABASE_URL,
    dispatcherDatabaseUrl: parsed.data.DISPATCHER_DATABASE_URL,
    databaseEndpoint: parsed.data.DATABASE_ENDPOINT || null,
    privateWebhooks: parsed.data.DATABASE_ENDPOINT !== "",
    sealingKey: parsed.data.SEALING_KEY,
    regions: [first, ...others],
    hubShards: parsed.data.HUB_SHARDS,
    moveAfterMs: parsed.data.MOVE_AFTER_MINUTES * 60_000,
  };
}
