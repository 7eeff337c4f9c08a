import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import type { TestProject } from "vitest/node";
import { type NeonShim, startNeonShim } from "../../dev/neon-shim.ts";
import { type Postgres, prepareDatabase, startPostgres } from "../../dev/postgres.ts";
import { LOGIN_ROLES } from "../../migrations/roles.ts";

/** Migrated once; every test file works on a copy. */
const TEMPLATE = "template_mailsonar";

declare module "vitest" {
  interface ProvidedContext {
    /** Where a test file asks for a database (support/database.ts). */
    databaseDoor: string;
  }
}

type Cluster = { readonly pg: Postgres; readonly shim: NeonShim; readonly folder: string };

/**
 * One Postgres per run, started when the first test file asks for a database, so that runs without one cost nothing.
 * The door is a small HTTP server on loopback: PUT /NAME makes a database, DELETE /NAME drops it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let cluster: Promise<Cluster> | undefined;
  const server = createServer((request, response) => {
    cluster ??= startCluster();
    const name = (request.url ?? "/").slice(1);
    cluster
      .then((ready) => (request.method === "PUT" ? make(ready, name) : drop(ready, name)))
      .then(
        (body) => response.end(JSON.stringify(body)),
        (error) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
      );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port for the database door");
  project.provide("databaseDoor", `http://127.0.0.1:${address.port}`);
  return async () => {
    server.close();
    server.closeAllConnections();
    if (cluster === undefined) return;
    const { pg, shim, folder } = await cluster;
    await shim.close();
    await pg.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), "mailsonar-test-"));
  const pg = await startPostgres({ dataDir: folder, durable: false });
  await prepareDatabase(pg, TEMPLATE);
  return { pg, shim: await startNeonShim(), folder };
}

async function make({ pg, shim }: Cluster, name: string): Promise<unknown> {
  await asSuperuser(pg, async (admin) => {
    await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)} TEMPLATE ${TEMPLATE} OWNER owner`);
  });
  return {
    superuserUrl: pg.superuserUrl(name),
    ownerUrl: pg.ownerUrl(name),
    roleUrls: Object.fromEntries(LOGIN_ROLES.map((role) => [role, pg.roleUrl(role, name)])),
    shimUrl: shim.url,
  };
}

/** Drops a database; answers the names of connections that were still open, which is the caller's leak. */
async function drop({ pg, shim }: Cluster, name: string): Promise<{ leaked: string[] }> {
  await shim.forget(name);
  return asSuperuser(pg, async (admin) => {
    const leaked = await stillOpen(admin, name);
    await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(name)} WITH (FORCE)`);
    return { leaked };
  });
}

/** A closed connection's backend needs a moment to go; what stays for two seconds is a leak. */
async function stillOpen(admin: Client, name: string): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const { rows } = await admin.query<{ who: string }>(
      `SELECT usename || ' ' || coalesce(nullif(application_name, ''), '(no name)') || ': ' || left(query, 80) AS who
         FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`,
      [name],
    );
    if (rows.length === 0 || tries === 100) return rows.map(({ who }) => who);
    await admin.query("SELECT pg_sleep(0.02)");
  }
}

async function asSuperuser<T>(pg: Postgres, work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: pg.superuserUrl("postgres") });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}
