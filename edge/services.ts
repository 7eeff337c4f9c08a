import { createKeyRing, type KeyRing } from "./access.ts";
import { createDatabase, type Database } from "./data/database.ts";
import { type Env, readEnv } from "./env.ts";
import { createMeter, type Meter } from "./meter/meter.ts";
import { createRecorder, type Recorder } from "./results/recorder.ts";
import { createLeave } from "./verify/opinions.ts";
import { createRegions, type Regions } from "./verify/regions.ts";

/** Everything a call, a message or a tick may need; built once per isolate. Fakes of it make tests. */
export type Services = {
  readonly env: Env;
  /** When this isolate built its services, epoch ms. */
  readonly bornMs: number;
  readonly database: Database;
  readonly keys: KeyRing;
  readonly meter: Meter;
  readonly recorder: Recorder;
  readonly regions: Regions;
};

const built = new WeakMap<Cloudflare.Env, Services>();

/**
 * The services of this isolate, built on the first call: the runtime hands the same bindings to each one.
 * @throws when the deployment is misconfigured
 */
export function servicesOf(raw: Cloudflare.Env): Services {
  const known = built.get(raw);
  if (known !== undefined) return known;
  const env = readEnv(raw);
  const database = createDatabase(env);
  const services: Services = {
    env,
    bornMs: Date.now(),
    database,
    keys: createKeyRing(env, database),
    meter: createMeter(env),
    recorder: createRecorder(env),
    regions: createRegions(env, createLeave(database)),
  };
  built.set(raw, services);
  return services;
}
