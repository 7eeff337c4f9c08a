import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Client } from "pg";

/** Any number, as long as it is ours alone: every applier of every version waits at this lock. */
const LOCK_KEY = 7_261_998_042;
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const NAME = /^(\d{4}_[a-z0-9_]+)\.(up|down)\.sql$/;

/** What the operator did or met; its message is one line to print as it stands. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

type Migration = {
  readonly name: string;
  readonly up: string;
  readonly down: string;
  readonly checksum: string;
};

export type MigrationState = {
  readonly name: string;
  /** `changed`: the file differs from what was applied. `unknown`: applied, but this version has no such file. */
  readonly state: "applied" | "pending" | "changed" | "unknown";
  readonly applied_at: Date | null;
};

/**
 * Applies pending migrations in order, up to and including `to` (a name or its number). Each runs in a transaction of
 * its own that begins with an advisory lock, so racing appliers apply each exactly once. Returns the names applied.
 */
export async function migrateUp(url: string, options: { readonly to?: string } = {}): Promise<string[]> {
  const migrations = await readMigrations();
  const last = options.to === undefined ? migrations.length - 1 : indexOf(migrations, options.to);
  const done: string[] = [];
  await connected(url, async (client) => {
    for (const migration of migrations.slice(0, last + 1)) {
      await locked(client, async () => {
        const applied = await appliedNow(client);
        refuseDrift(migrations, applied);
        if (applied.has(migration.name)) return;
        await runScript(client, migration.name, migration.up);
        await client.query("INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", [
          migration.name,
          migration.checksum,
        ]);
        done.push(migration.name);
      });
    }
  });
  return done;
}

/**
 * Takes applied migrations back, newest first: the newest alone, or all after `to` (a name or its number; `0` is all).
 * Returns the names taken back.
 */
export async function migrateDown(url: string, options: { readonly to?: string } = {}): Promise<string[]> {
  const migrations = await readMigrations();
  const { to } = options;
  const keep = to === undefined ? undefined : /^0+$/.test(to) ? -1 : indexOf(migrations, to);
  const done: string[] = [];
  await connected(url, async (client) => {
    for (let more = true; more; ) {
      more = await locked(client, async () => {
        const applied = await appliedNow(client);
        refuseDrift(migrations, applied);
        const newest = migrations.findLast((migration) => applied.has(migration.name));
        if (newest === undefined || (keep !== undefined && migrations.indexOf(newest) <= keep)) return false;
        await runScript(client, newest.name, newest.down);
        await client.query("DELETE FROM schema_migrations WHERE name = $1", [newest.name]);
        done.push(newest.name);
        return keep !== undefined;
      });
    }
  });
  return done;
}

/** What is applied and what is not, in order. Changes nothing, not even on an empty database. */
export async function migrationStatus(url: string): Promise<MigrationState[]> {
  const migrations = await readMigrations();
  return connected(url, async (client) => {
    const table = await client.query<{ there: boolean }>(
      "SELECT to_regclass('schema_migrations') IS NOT NULL AS there",
    );
    const applied = table.rows[0]?.there ? await readApplied(client) : new Map<string, Applied>();
    const known = migrations.map(({ name, checksum }): MigrationState => {
      const row = applied.get(name);
      if (row === undefined) return { name, state: "pending", applied_at: null };
      return { name, state: row.checksum === checksum ? "applied" : "changed", applied_at: row.applied_at };
    });
    const names = new Set(migrations.map(({ name }) => name));
    const unknown = [...applied].filter(([name]) => !names.has(name));
    return [
      ...known,
      ...unknown.map(([name, row]) => ({ name, state: "unknown" as const, applied_at: row.applied_at })),
    ];
  });
}

/** Opens a connection for `work` and closes it; connection and SQL errors become a MigrationError of one line. */
export async function connected<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: "mailsonar-migrate" });
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    if (error instanceof MigrationError) throw error;
    throw new MigrationError(oneLine(error), { cause: error });
  } finally {
    await client.end().catch(() => {});
  }
}

// ---------------------------------------------------------------- inside

type Applied = { readonly checksum: string; readonly applied_at: Date };

async function readMigrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((file) => NAME.test(file)).sort();
  const names = [...new Set(files.map((file) => file.replace(NAME, "$1")))];
  return Promise.all(
    names.map(async (name) => {
      const read = async (way: "up" | "down"): Promise<string> => {
        const text = await readFile(`${FOLDER}${name}.${way}.sql`, "utf8").catch(() => undefined);
        if (text === undefined) throw new MigrationError(`migration ${name} has no ${way} file`);
        return text.replaceAll("\r\n", "\n");
      };
      const [up, down] = await Promise.all([read("up"), read("down")]);
      return { name, up, down, checksum: createHash("sha256").update(up).digest("hex") };
    }),
  );
}

function indexOf(migrations: readonly Migration[], to: string): number {
  const index = migrations.findIndex(({ name }) => name === to || Number(name.slice(0, 4)) === Number(to));
  if (index < 0) throw new MigrationError(`there is no migration ${to}`);
  return index;
}

async function locked<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK_KEY]);
    const result = await work();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** The applied migrations, read under the lock; makes the table on first use. */
async function appliedNow(client: Client): Promise<Map<string, Applied>> {
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  return readApplied(client);
}

async function readApplied(client: Client): Promise<Map<string, Applied>> {
  const { rows } = await client.query<{ name: string } & Applied>(
    "SELECT name, checksum, applied_at FROM schema_migrations ORDER BY name",
  );
  return new Map(rows.map((row) => [row.name, row]));
}

function refuseDrift(migrations: readonly Migration[], applied: ReadonlyMap<string, Applied>): void {
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const [name, { checksum }] of applied) {
    const file = byName.get(name);
    if (file === undefined)
      throw new MigrationError(`the database has migration ${name}, which this version does not know`);
    if (file.checksum !== checksum) {
      throw new MigrationError(`migration ${name} was changed after it had been applied: write a new one instead`);
    }
  }
}

async function runScript(client: Client, name: string, script: string): Promise<void> {
  try {
    await client.query(script);
  } catch (error) {
    throw new MigrationError(`migration ${name}: ${oneLine(error, script)}`, { cause: error });
  }
}

/** Postgres' message with its line in the script; a refused connection to several addresses has only a code. */
function oneLine(error: unknown, script?: string): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const text = (error.message || code || error.name).split("\n")[0] ?? "";
  const position = "position" in error ? Number(error.position) : Number.NaN;
  if (script === undefined || !(position > 0)) return code !== "" && text !== code ? `${text} (${code})` : text;
  return `line ${script.slice(0, position).split("\n").length}: ${text} (${code})`;
}
