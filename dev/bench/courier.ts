import { fork } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { newWebhookSecret, sealSecret } from "../../edge/webhooks/seal.ts";
import { startCourier } from "../../probe/courier/courier.ts";
import { prepareDatabase, startPostgres } from "../postgres.ts";

const ENDPOINTS = 50;
const STALLED = 5;
const EVENTS = 500;

/** Deliveries a second of one courier to fifty receivers, all well and with five of them stalled. */
export async function bench(emit: (name: string, value: number, unit: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "mailsonar-bench-"));
  const postgres = await startPostgres({ dataDir: folder });
  const sink = fork(new URL("./courier-sink.ts", import.meta.url));
  try {
    const [port] = await once(sink, "message");
    await prepareDatabase(postgres, "bench");
    const admin = new Client({ connectionString: postgres.superuserUrl("bench") });
    await admin.connect();
    const sealingKey = randomBytes(32).toString("base64");
    const tenant = await arrange(admin, Number(port), sealingKey);
    const config = { databaseUrl: postgres.roleUrl("courier", "bench"), sealingKeys: [sealingKey], allowPrivate: true };
    await measure(admin, tenant, config, 0); // warm-up
    const well = await measure(admin, tenant, config, 0);
    sink.send(STALLED);
    const stalled = await measure(admin, tenant, config, STALLED);
    await admin.end();
    emit("courier.deliveries_per_second", well.rate, "1/s");
    emit("courier.deliveries_per_second.5_of_50_stalled", stalled.rate, "1/s");
    emit("courier.cpu_per_delivery", stalled.cpuUs, "us");
  } finally {
    sink.disconnect();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Config = Parameters<typeof startCourier>[0];

/** Raises the events, and times the courier until the healthy endpoints have all of them. */
async function measure(admin: Client, tenant: string, config: Config, stalled: number) {
  await admin.query("DELETE FROM deliveries");
  await admin.query("SELECT raise_event($1, 'job.completed', '{\"id\": 1}', NULL) FROM generate_series(1, $2::int)", [
    tenant,
    EVENTS,
  ]);
  await admin.query("ANALYZE deliveries");
  const total = EVENTS * (ENDPOINTS - stalled);
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const courier = startCourier(config, { log, timing: { stopMs: 100 } });
  while (courier.stats().delivered < total) await new Promise((resolve) => setTimeout(resolve, 1));
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  await courier.stop();
  return { rate: total / seconds, cpuUs: (user + system) / total };
}

async function arrange(admin: Client, port: number, sealingKey: string): Promise<string> {
  const tenant = randomUUID();
  await admin.query("INSERT INTO tenants (id, name) VALUES ($1, 'bench')", [tenant]);
  for (let host = 1; host <= ENDPOINTS; host += 1) {
    const sealed = JSON.stringify([await sealSecret(newWebhookSecret(), sealingKey)]);
    await admin.query(
      "INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets) VALUES ($1, $2, $3, '{job.completed}', $4)",
      [randomUUID(), tenant, `http://127.0.50.${host}:${port}/hook`, sealed],
    );
  }
  return tenant;
}
