import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { grantLogins } from "../migrations/logins.ts";
import { migrateUp } from "../migrations/migrate.ts";
import { LOGIN_ROLES, type LoginRole } from "../migrations/roles.ts";
import { freePort } from "./ports.ts";
import { claimFolder, endOrphan } from "./postgres/claim.ts";
import { type Credentials, readOrMakeCredentials } from "./postgres/credentials.ts";
import { type Launch, planLaunch, postgresBinaries } from "./postgres/launch.ts";

const READY = "database system is ready to accept connections";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
/** Another process can take a free port between our look and Postgres' bind. */
const PORT_TRIES = 5;
/** What a killed server leaves behind (a zombie, backends that have not noticed yet) is gone within seconds. */
const REMAINS_GONE_WITHIN_MS = 20_000;
const REMAINS_POLL_MS = 100;
/** The non-superuser that owns databases and migrates them, as `neondb_owner` does at Neon. */
const OWNER = "owner";

type PostgresExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Postgres = {
  readonly port: number;
  readonly pid: number;
  /** Settles when the server has ended, however that came. */
  readonly exited: Promise<PostgresExit>;
  superuserUrl(database: string): string;
  /** The role that owns databases: no superuser, may create roles. */
  ownerUrl(database: string): string;
  roleUrl(role: LoginRole, database: string): string;
  /** Fast shutdown: sessions are ended, data is flushed. */
  stop(): Promise<void>;
  /** What a power cut looks like; start again with the same folder afterwards. */
  kill9(): Promise<void>;
};

export type PostgresOptions = {
  /** Holds the cluster and the passwords; kept between starts. Made when missing. */
  readonly dataDir: string;
  /** Default: any free one. */
  readonly port?: number;
  /** Receives the server's log, line by line. */
  readonly log?: (line: string) => void;
  /** False trades crash safety for speed: for databases of tests only. */
  readonly durable?: boolean;
};

/**
 * Starts a real PostgreSQL from the npm package's binaries on 127.0.0.1, with its data in `dataDir`.
 * Throws an Error with one clear line when the folder is in use, the port is taken or the server does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o755 });
  const claim = await claimFolder(dataDir);
  try {
    const launch = await planLaunch(dataDir);
    const credentials = await readOrMakeCredentials(dataDir);
    const cluster = join(dataDir, "cluster");
    await initialise(launch, dataDir, cluster, credentials.superuser);
    await endOrphan(cluster);
    const until = Date.now() + REMAINS_GONE_WITHIN_MS;
    for (let attempt = 1; ; ) {
      const port = options.port ?? (await freePort());
      const started = await run(launch, cluster, port, options);
      if (typeof started !== "string") return handle(started, port, credentials, claim);
      if (isHeldByRemains(started) && Date.now() < until) {
        await new Promise((go) => setTimeout(go, REMAINS_POLL_MS));
        continue;
      }
      const portTaken = started.includes("could not bind") || started.includes("could not create any TCP/IP sockets");
      if (!portTaken || options.port !== undefined || attempt === PORT_TRIES) {
        throw new Error(
          portTaken ? `Postgres: port ${port} on 127.0.0.1 is in use` : `Postgres did not start: ${started}`,
        );
      }
      attempt += 1;
    }
  } catch (error) {
    await claim.release();
    throw error;
  }
}

/** The lock file names a process that init has not reaped yet, or the last backends still hold the shared memory. */
const isHeldByRemains = (reason: string): boolean =>
  reason.includes("already exists") || reason.includes("shared memory block");

/** Makes the database if it is not there, applies the migrations as its owner and lets our roles log in. */
export async function prepareDatabase(pg: Postgres, name: string): Promise<void> {
  const admin = new Client({ connectionString: pg.superuserUrl("postgres") });
  await admin.connect();
  try {
    const password = decodeURIComponent(new URL(pg.ownerUrl(name)).password);
    const known = await admin.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [OWNER]);
    if (known.rowCount === 0) {
      await admin.query(`CREATE ROLE ${OWNER} LOGIN CREATEROLE NOBYPASSRLS PASSWORD ${admin.escapeLiteral(password)}`);
    }
    const there = await admin.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (there.rowCount === 0) await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)} OWNER ${OWNER}`);
  } finally {
    await admin.end();
  }
  await migrateUp(pg.ownerUrl(name));
  const passwords = LOGIN_ROLES.map((role) => [role, decodeURIComponent(new URL(pg.roleUrl(role, name)).password)]);
  await grantLogins(pg.ownerUrl(name), Object.fromEntries(passwords));
}

/**
 * Readies a Postgres that somebody else runs (`DATABASE_URL`): migrations, and logins whose passwords live in
 * `dataDir` as for our own. Returns the address each role uses.
 */
export async function prepareExternal(url: string, dataDir: string): Promise<(role: LoginRole) => string> {
  await mkdir(dataDir, { recursive: true });
  const { roles } = await readOrMakeCredentials(resolve(dataDir));
  await migrateUp(url);
  await grantLogins(url, roles);
  return (role) => {
    const address = new URL(url);
    address.username = role;
    address.password = roles[role];
    return address.href;
  };
}

// ---------------------------------------------------------------- the cluster

/** initdb goes to a side folder that is renamed when complete, so that an interrupted first start leaves nothing. */
async function initialise(launch: Launch, dataDir: string, cluster: string, password: string): Promise<void> {
  if (await readFile(join(cluster, "PG_VERSION"), "utf8").catch(() => undefined)) return;
  const fresh = join(dataDir, "cluster.new");
  await rm(fresh, { recursive: true, force: true });
  await launch.makeOwned(fresh);
  const passwordFile = join(fresh, "..", "superuser.password");
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  try {
    await launch.give(passwordFile);
    const { initdb } = await postgresBinaries();
    // The built-in locale exists on every machine and, unlike the system's, never changes the order of an index.
    const locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
    const access = ["--username=postgres", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
    const child = launch.spawn(initdb, [`--pgdata=${fresh}`, ...locale, ...access, "--no-sync", "--no-instructions"]);
    const lines: string[] = [];
    child.stderr?.on("data", (bytes: Buffer) => lines.push(bytes.toString("utf8")));
    child.stdout?.resume();
    const [code] = await ended(child);
    if (code !== 0) throw new Error(`initdb failed: ${lines.join("").trim().split("\n").at(-1) ?? `exit ${code}`}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(fresh, cluster);
}

/** Spawns the server and waits until it takes connections; a string is the reason why it did not. */
async function run(
  launch: Launch,
  cluster: string,
  port: number,
  options: PostgresOptions,
): Promise<{ child: ChildProcess; pid: number; exited: Promise<PostgresExit> } | string> {
  const { postgres } = await postgresBinaries();
  const child = launch.spawn(postgres, ["-D", cluster, "-p", String(port), ...settings(options.durable ?? true)]);
  child.stdout?.resume();
  const exited = ended(child).then(([code, signal]) => ({ code, signal }));
  let lastProblem = "";
  const ready = new Promise<true>((good) => {
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on("line", (line) => {
      options.log?.(line);
      if (/FATAL|ERROR|could not|error:/.test(line))
        lastProblem = line.replace(/^.*?(FATAL|ERROR|LOG|WARNING):\s*/, "");
      if (line.includes(READY)) good(true);
    });
  });
  const timer = AbortSignal.timeout(START_TIMEOUT_MS);
  const late = once(timer, "abort").then(() => "it was not ready within a minute");
  const first = await Promise.race([ready, late, exited.then(() => lastProblem || "it ended at once")]);
  if (first === true && child.pid !== undefined) return { child, pid: child.pid, exited };
  child.kill("SIGQUIT");
  await exited;
  return typeof first === "string" ? first : "no process id";
}

function settings(durable: boolean): string[] {
  const values = {
    listen_addresses: "127.0.0.1",
    // A socket file's path is limited to about 100 bytes and we do not use one.
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "256MB",
    work_mem: "64MB",
    maintenance_work_mem: "128MB",
    max_wal_size: "2GB",
    // Parallel plans take /dev/shm, which is 64 MB in a container.
    max_parallel_workers_per_gather: "0",
    log_min_messages: "warning",
    log_timezone: "UTC",
    timezone: "UTC",
    jit: "off",
    ...(durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

function handle(
  started: { child: ChildProcess; pid: number; exited: Promise<PostgresExit> },
  port: number,
  credentials: Credentials,
  claim: { release(): Promise<void> },
): Postgres {
  const { child, pid, exited } = started;
  const url = (user: string, password: string, database: string): string =>
    `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(force);
    await claim.release();
  };
  return {
    port,
    pid,
    exited,
    superuserUrl: (database) => url("postgres", credentials.superuser, database),
    ownerUrl: (database) => url(OWNER, credentials.owner, database),
    roleUrl: (role, database) => url(role, credentials.roles[role], database),
    stop: () => end("SIGINT"),
    kill9: () => end("SIGKILL"),
  };
}

/** Resolves with exit code and signal; a program that cannot be started counts as exit code 127. */
function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((done) => {
    child.once("error", () => done([127, null]));
    child.once("close", (code, signal) => done([code, signal]));
  });
}
