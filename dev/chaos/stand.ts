import { randomBytes, randomUUID } from "node:crypto";
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { sealSecret } from "../../edge/webhooks/seal.ts";
import { newApiKey, newProbeToken, type ProbeToken, storeProbeToken } from "../../probe/admin/accounts.ts";
import { startNeonShim } from "../neon-shim.ts";
import { freePort } from "../ports.ts";
import { type Postgres, prepareDatabase, startPostgres } from "../postgres.ts";
import { type Receiver, startReceiver } from "../receiver.ts";
import { startReaper } from "../stack/child.ts";
import type { Identity } from "../stack/identity.ts";
import { seed } from "../stack/seed.ts";
import { createPart, groupAlive, type Part } from "./part.ts";
import { startWire, type Wire } from "./wire.ts";

const DATABASE = "mailsonar";
const REGION = "eu";
const READY_WITHIN_MS = 60_000;
/** Addresses a probe holds: small, so that a list is many leases and every fault hits some of them. */
const CAPACITY = 600;
/** After the last process was told to end. */
const GONE_WITHIN_MS = 10_000;

const HUB = `hub:${REGION}:0`;

/** The whole system as separate processes, its wires through proxies, each part at hand to be broken. */
export type Stand = {
  readonly url: string;
  readonly key: string;
  readonly tenant: string;
  readonly receiver: Receiver;
  readonly worker: Part;
  readonly probes: readonly Part[];
  readonly wires: {
    /** Between probes and edge, probes and Postgres, edge and Postgres. */
    readonly link: Wire;
    readonly settle: Wire;
    readonly edge: Wire;
  };
  /** Takes Postgres away and brings it back after the pause. */
  restartPostgres(how: "stop" | "kill9", pauseMs: number): Promise<void>;
  /** Drops the hub's memory, as a crash (sockets close) or hibernation does. False while the Worker is away. */
  evictHub(sockets: "close" | "hibernate"): Promise<boolean>;
  /** A connection that row-level security does not bind, past every proxy. */
  look<T>(use: (db: Client) => Promise<T>): Promise<T>;
  /** Ends everything; returns what would not go. */
  stop(): Promise<string[]>;
};

export type StandOptions = {
  readonly dataDir: string;
  readonly probes: number;
  /** Told in one line when a process ends that nobody ended. */
  readonly unasked: (line: string) => void;
};

/** Starts everything; what had been started is stopped again when a part fails to come up. */
export async function startStand(options: StandOptions): Promise<Stand> {
  const stops: (() => Promise<void> | void)[] = [];
  const stopAll = async () => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
  };
  try {
    return await assemble(options, stops, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function assemble(
  options: StandOptions,
  stops: (() => Promise<void> | void)[],
  stopAll: () => Promise<void>,
): Promise<Stand> {
  const { dataDir } = options;
  const logDir = join(dataDir, "logs");
  mkdirSync(logDir, { recursive: true });
  const reaper = startReaper();
  stops.push(() => reaper.close());
  const identity = newIdentity();
  const tokens = Array.from({ length: options.probes }, () => newProbeToken());
  const receiver = await startReceiver({ secretOf: () => identity.webhookSecret });
  stops.push(() => receiver.close());

  const database = await startDatabase(dataDir, logDir, stops);
  await prepareDatabase(database.now(), DATABASE);
  await seedAll(database.now(), identity, tokens, receiver.url);
  const shim = await startNeonShim();
  stops.push(() => shim.close());
  const wire = async (port: number): Promise<Wire> => {
    const proxy = await startWire(port);
    stops.push(() => proxy.close());
    return proxy;
  };
  const [settle, edge] = [await wire(database.now().port), await wire(database.now().port)];

  const parts: Part[] = [];
  const part = async (name: string, args: string[], env: Record<string, string>, readyLine: ReadyLine) => {
    const log = createWriteStream(join(logDir, `${name}.log`), { flags: "a" });
    const spec = { name, args, env, readyLine, readyWithinMs: READY_WITHIN_MS, onLine: writer(log) };
    const made = createPart(spec, { reaper, unasked: options.unasked });
    await made.start();
    parts.push(made);
    stops.push(() => made.stop());
    return made;
  };

  const world = await part("world", ["dev/world/main.ts"], {}, (line) => (line.includes('"dns"') ? line : null));
  const port = await freePort();
  const worker = await part(
    "worker",
    ["dev/worker.ts", "--control", "--port", String(port), "--persist", join(dataDir, "worker")],
    {
      APP_DATABASE_URL: through(edge, database.now().roleUrl("app", DATABASE)),
      DISPATCHER_DATABASE_URL: through(edge, database.now().roleUrl("dispatcher", DATABASE)),
      DATABASE_ENDPOINT: shim.url,
      SEALING_KEY: identity.sealingKey,
      REGIONS: REGION,
      WRANGLER_SEND_METRICS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_LOG_PATH: logDir,
    },
    (line) => (line.startsWith('{"ready":') ? line : null),
  );
  const url = String(JSON.parse(worker.ready()).ready);
  const link = await wire(port);
  const probes: Part[] = [];
  for (const [i, token] of tokens.entries()) {
    const env = {
      ...probeEnv(identity, token, JSON.parse(world.ready())),
      EDGE_URL: `http://127.0.0.1:${link.port}`,
      DATABASE_URL: through(settle, database.now().roleUrl("probe", DATABASE)),
      COURIER_DATABASE_URL: through(settle, database.now().roleUrl("courier", DATABASE)),
      COURIER_SEALING_KEY: identity.sealingKey,
      // Two couriers, so that webhooks survive what happens to one; one probe without.
      PROBE_ROLES: i < 2 ? "smtp,courier" : "smtp",
    };
    const ready: ReadyLine = (line) => (line.includes('"msg":"ready"') ? line : null);
    probes.push(await part(`probe-${i + 1}`, ["probe/main.ts", "run"], env, ready));
  }

  return {
    url,
    key: identity.liveKey,
    tenant: identity.tenantId,
    receiver,
    worker,
    probes,
    wires: { link, settle, edge },
    restartPostgres: database.restart,
    evictHub: (sockets) => evict(worker, sockets),
    look: (use) => looking(database.now().superuserUrl(DATABASE), use),
    async stop() {
      await stopAll();
      return leftOf(parts);
    },
  };
}

type ReadyLine = (line: string) => string | null;

const writer = (log: WriteStream) => (line: string) => void log.write(`${line}\n`);

type Database = { now(): Postgres; restart(how: "stop" | "kill9", pauseMs: number): Promise<void> };

async function startDatabase(dir: string, logDir: string, stops: (() => Promise<void> | void)[]): Promise<Database> {
  const log = createWriteStream(join(logDir, "postgres.log"), { flags: "a" });
  const options = { dataDir: join(dir, "postgres"), log: writer(log) };
  let postgres = await startPostgres(options);
  const { port } = postgres;
  stops.push(async () => {
    await postgres.stop();
    log.end();
  });
  return {
    now: () => postgres,
    async restart(how, pauseMs) {
      if (how === "stop") await postgres.stop();
      else await postgres.kill9();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      postgres = await startPostgres({ ...options, port });
    },
  };
}

function newIdentity(): Identity {
  return {
    tenantId: randomUUID(),
    liveKey: newApiKey("live"),
    testKey: newApiKey("test"),
    probe: newProbeToken(),
    sealingKey: randomBytes(32).toString("base64"),
    controlSecret: randomBytes(32).toString("hex"),
    webhookEndpointId: randomUUID(),
    webhookSecret: `whsec_${randomBytes(32).toString("base64")}`,
  };
}

async function seedAll(postgres: Postgres, identity: Identity, tokens: readonly ProbeToken[], receiverUrl: string) {
  const sealedSecret = await sealSecret(identity.webhookSecret, identity.sealingKey);
  const what = { identity, region: REGION, receiverUrl: `${receiverUrl}/hook`, sealedSecret };
  await seed(postgres.roleUrl("app", DATABASE), postgres.ownerUrl(DATABASE), what);
  await looking(postgres.ownerUrl(DATABASE), async (db) => {
    for (const [i, token] of tokens.entries()) await storeProbeToken(db, REGION, `chaos ${i + 1}`, token);
  });
}

function probeEnv(
  identity: Identity,
  token: ProbeToken,
  world: { dns: string; smtp_port: number; probe: { helo: string; mailFrom: string } },
): Record<string, string> {
  return {
    PROBE_TOKEN: token.token,
    PROBE_REGION: REGION,
    PROBE_CONTROL_SECRET: identity.controlSecret,
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
    PROBE_CAPACITY: String(CAPACITY),
    PROBE_HELO_NAME: world.probe.helo,
    PROBE_MAIL_FROM: world.probe.mailFrom,
    PROBE_DNS_SERVERS: world.dns,
    PROBE_SMTP_PORT: String(world.smtp_port),
  };
}

/** The same database behind a proxy. */
function through(proxy: Wire, url: string): string {
  const address = new URL(url);
  address.port = String(proxy.port);
  return address.href;
}

async function evict(worker: Part, sockets: "close" | "hibernate"): Promise<boolean> {
  if (!worker.up()) return false;
  const { control } = JSON.parse(worker.ready()) as { control: string };
  const what = new URLSearchParams({ class: "ProbeHub", name: HUB, sockets });
  return fetch(`${control}/evict?${what}`, { method: "POST" }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function looking<T>(url: string, use: (db: Client) => Promise<T>): Promise<T> {
  const db = new Client({ connectionString: url });
  // A restart of Postgres while we look fails the query, and need not end this process as well.
  db.on("error", () => {});
  await db.connect();
  try {
    return await use(db);
  } finally {
    await db.end();
  }
}

async function leftOf(parts: readonly Part[]): Promise<string[]> {
  const until = Date.now() + GONE_WITHIN_MS;
  for (;;) {
    const left = parts.flatMap(({ name, pids }) => pids.filter(groupAlive).map((pid) => `${name} (process ${pid})`));
    if (left.length === 0 || Date.now() > until) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
