import { createWriteStream, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sealSecret } from "../../edge/webhooks/seal.ts";
import type { LoginRole } from "../../migrations/roles.ts";
import { startNeonShim } from "../neon-shim.ts";
import { freePort, portInUse } from "../ports.ts";
import { prepareDatabase, prepareExternal, startPostgres } from "../postgres.ts";
import { type Receiver, startReceiver } from "../receiver.ts";
import { worldList } from "../world/list.ts";
import { type Reaper, startReaper } from "./child.ts";
import { takeFolder } from "./folder.ts";
import { type Identity, readOrMakeIdentity } from "./identity.ts";
import { type Keeper, keep } from "./keeper.ts";
import { seed } from "./seed.ts";
import type { StackSettings } from "./settings.ts";

const DATABASE = "mailsonar";
const REGION = "eu";
const SAMPLE_ROWS = 200;
const READY_WITHIN_MS = 60_000;

export type Voice = { say(line: string): void; complain(line: string): void };

/** The running local stack. */
export type Stack = {
  readonly url: string;
  readonly liveKey: string;
  readonly testKey: string;
  readonly receiverUrl: string;
  readonly dataDir: string;
  readonly logDir: string;
  readonly sampleFile: string;
  /** Resolves with one line when a part has ended for good. */
  readonly broken: Promise<string>;
  /** Stops everything in order: probe, Worker, receiver, database, mail world. */
  stop(): Promise<void>;
};

/** What has been started so far, in the order of starting; stopped in reverse. */
class Started {
  readonly #stops: (() => Promise<void> | void)[] = [];

  add(stop: () => Promise<void> | void): void {
    this.#stops.push(stop);
  }

  async stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) await stop();
  }
}

/**
 * Starts Postgres (or uses the given one), the Neon HTTP shim, the mail world, the receiver, the Worker and a probe.
 * @throws Error with one line; whatever had been started is stopped again.
 */
export async function startStack(settings: StackSettings, voice: Voice): Promise<Stack> {
  const started = new Started();
  try {
    return await assemble(settings, voice, started);
  } catch (error) {
    await started.stop();
    throw error;
  }
}

async function assemble(settings: StackSettings, voice: Voice, started: Started): Promise<Stack> {
  const { dataDir, port } = settings;
  if (await portInUse(port)) throw new Error(`port ${port} is in use; set MAILSONAR_PORT`);
  const folder = takeFolder(dataDir);
  if (!folder.ok) throw new Error(folder.error);
  started.add(folder.value.release);
  // A stack that was killed could not take its word back.
  rmSync(readyFile(dataDir), { force: true });
  const logDir = join(dataDir, "logs");
  mkdirSync(logDir, { recursive: true });
  const identity = readOrMakeIdentity(dataDir);
  const reaper = startReaper();
  started.add(() => reaper.close());
  const broken = Promise.withResolvers<string>();
  const parts: Parts = { settings, identity, reaper, voice, started, logDir, broken: broken.resolve };

  const [world, receiver, database, shim] = await allStarted([
    settings.world ? startMailWorld(parts) : Promise.resolve(null),
    startEventReceiver(parts),
    startDatabase(parts),
    startShim(parts),
  ]);
  // The Worker asks the database nothing until it is called, so the two come up together.
  const [url] = await allStarted([
    startWorker(parts, database, shim.url),
    database.prepare().then(() => seedStack(parts, database, `${receiver.url}/hook`)),
  ]);
  await startProbe(parts, database, url, world);

  const sampleFile = join(dataDir, "sample.csv");
  writeFileSync(sampleFile, sampleList());
  publishReady(parts, url, receiver.url);
  return {
    url,
    liveKey: identity.liveKey,
    testKey: identity.testKey,
    receiverUrl: receiver.url,
    dataDir,
    logDir,
    sampleFile,
    broken: broken.promise,
    stop: () => started.stop(),
  };
}

type Parts = {
  readonly settings: StackSettings;
  readonly identity: Identity;
  readonly reaper: Reaper;
  readonly voice: Voice;
  readonly started: Started;
  readonly logDir: string;
  readonly broken: (why: string) => void;
};

/** Like Promise.all, but a failure is reported only when all have come to an end: nothing starts behind our back. */
async function allStarted<T extends readonly unknown[]>(parts: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const ends = await Promise.allSettled(parts);
  const failed = ends.find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
  return ends.map((end) => (end.status === "fulfilled" ? end.value : undefined)) as unknown as T;
}

// ---------------------------------------------------------------- the parts

type World = { readonly dns: string; readonly smtpPort: number };

async function startMailWorld(parts: Parts): Promise<World> {
  const [dnsPort, smtpPort] = [await freePort(), await freePort()];
  await keepPart(parts, {
    name: "mail world",
    args: ["dev/world/main.ts", "--dns-port", String(dnsPort), "--smtp-port", String(smtpPort)],
    env: {},
    readyLine: (line) => (line.includes('"dns"') ? line : null),
  });
  return { dns: `127.0.0.1:${dnsPort}`, smtpPort };
}

async function startEventReceiver(parts: Parts): Promise<Receiver> {
  const receiver = await startReceiver({
    secretOf: () => parts.identity.webhookSecret,
    log: (line) => parts.voice.say(`webhook: ${line}`),
  });
  parts.started.add(() => receiver.close());
  return receiver;
}

type Database = {
  readonly ownerUrl: string;
  readonly roleUrl: (role: LoginRole) => string;
  /** Migrations and logins. */
  readonly prepare: () => Promise<void>;
};

async function startDatabase(parts: Parts): Promise<Database> {
  const { databaseUrl, dataDir } = parts.settings;
  const folder = join(dataDir, "postgres");
  if (databaseUrl !== null) {
    return { ownerUrl: databaseUrl, roleUrl: await prepareExternal(databaseUrl, folder), prepare: async () => {} };
  }
  const log = createWriteStream(join(parts.logDir, "postgres.log"), { flags: "a" });
  const postgres = await startPostgres({ dataDir: folder, log: (line) => log.write(`${line}\n`) });
  parts.reaper.add(postgres.pid);
  let stopping = false;
  parts.started.add(async () => {
    stopping = true;
    await postgres.stop();
    parts.reaper.remove(postgres.pid);
    log.end();
  });
  void postgres.exited.then(({ code, signal }) => {
    const how = signal ?? `code ${code}`;
    if (!stopping) parts.broken(`Postgres ended unexpectedly (${how}); see ${parts.logDir}/postgres.log`);
  });
  return {
    ownerUrl: postgres.ownerUrl(DATABASE),
    roleUrl: (role) => postgres.roleUrl(role, DATABASE),
    prepare: () => prepareDatabase(postgres, DATABASE),
  };
}

async function startShim(parts: Parts): Promise<{ readonly url: string }> {
  const shim = await startNeonShim();
  parts.started.add(() => shim.close());
  return shim;
}

async function seedStack(parts: Parts, database: Database, receiverUrl: string): Promise<void> {
  const { identity } = parts;
  const sealedSecret = await sealSecret(identity.webhookSecret, identity.sealingKey);
  await seed(database.roleUrl("app"), database.ownerUrl, { identity, region: REGION, receiverUrl, sealedSecret });
}

async function startWorker(parts: Parts, database: Database, shimUrl: string): Promise<string> {
  const { port, dataDir } = parts.settings;
  const keeper = await keepPart(parts, {
    name: "worker",
    args: ["dev/worker.ts", "--port", String(port), "--persist", join(dataDir, "worker")],
    env: {
      APP_DATABASE_URL: database.roleUrl("app"),
      DISPATCHER_DATABASE_URL: database.roleUrl("dispatcher"),
      DATABASE_ENDPOINT: shimUrl,
      SEALING_KEY: parts.identity.sealingKey,
      REGIONS: REGION,
      WRANGLER_SEND_METRICS: "false",
      // The runtime would ask the internet for a sample of `request.cf`, which we do not read.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_LOG_PATH: parts.logDir,
    },
    readyLine: (line) => (line.startsWith('{"ready":') ? String(JSON.parse(line).ready) : null),
  });
  return keeper.ready;
}

/** One probe with both roles; without the mail world, two processes, since only the courier may stay on loopback. */
async function startProbe(parts: Parts, database: Database, edgeUrl: string, world: World | null): Promise<void> {
  const { identity } = parts;
  const smtp = {
    EDGE_URL: edgeUrl,
    PROBE_TOKEN: identity.probe.token,
    PROBE_REGION: REGION,
    PROBE_CONTROL_SECRET: identity.controlSecret,
    DATABASE_URL: database.roleUrl("probe"),
  };
  const courier = {
    COURIER_DATABASE_URL: database.roleUrl("courier"),
    COURIER_SEALING_KEY: identity.sealingKey,
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
  };
  const probe = { name: "probe", args: ["probe/main.ts", "run"], readyLine: logged("ready") };
  if (world === null) {
    await keepPart(parts, { ...probe, env: { ...smtp, PROBE_ROLES: "smtp" } });
    await keepPart(parts, {
      ...probe,
      name: "courier",
      readyLine: logged("courier ready"),
      env: { ...courier, PROBE_ROLES: "courier" },
    });
    return;
  }
  const internet = {
    PROBE_HELO_NAME: "probe-1.mailsonar.net",
    PROBE_MAIL_FROM: "check@mailsonar.net",
    PROBE_DNS_SERVERS: world.dns,
    PROBE_SMTP_PORT: String(world.smtpPort),
  };
  await keepPart(parts, { ...probe, env: { ...smtp, ...courier, ...internet, PROBE_ROLES: "smtp,courier" } });
}

/** Recognises a JSON log line by its message. */
const logged =
  (message: string) =>
  (line: string): string | null =>
    line.includes(`"msg":"${message}"`) ? line : null;

async function keepPart(
  parts: Parts,
  spec: {
    name: string;
    args: readonly string[];
    env: Record<string, string>;
    readyLine: (line: string) => string | null;
  },
): Promise<Keeper> {
  const log = createWriteStream(join(parts.logDir, `${spec.name.replaceAll(" ", "-")}.log`), { flags: "a" });
  const keeper = await keep(
    { ...spec, readyWithinMs: READY_WITHIN_MS, onLine: (line) => log.write(`${line}\n`) },
    { reaper: parts.reaper, complain: parts.voice.complain, broken: parts.broken },
  );
  parts.started.add(async () => {
    await keeper.stop();
    log.end();
  });
  return keeper;
}

// ---------------------------------------------------------------- what others read

const readyFile = (dataDir: string): string => join(dataDir, "ready.json");

/** Writes ready.json in one step, so that whoever waits for it never reads half of it. */
function publishReady(parts: Parts, url: string, receiverUrl: string): void {
  const file = readyFile(parts.settings.dataDir);
  const content = {
    url,
    live_key: parts.identity.liveKey,
    test_key: parts.identity.testKey,
    webhook_receiver: receiverUrl,
  };
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  parts.started.add(() => rmSync(file, { force: true }));
}

function sampleList(): string {
  const lines = ["email,note"];
  let row = 0;
  for (const { email } of worldList(SAMPLE_ROWS, 1)) {
    row += 1;
    lines.push(`"${email.replaceAll('"', '""')}",row ${row}`);
  }
  return `${lines.join("\n")}\n`;
}
