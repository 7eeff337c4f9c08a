import { grantLogins, passwordsFrom } from "./logins.ts";
import { MigrationError, migrateDown, migrateUp, migrationStatus } from "./migrate.ts";
import { LOGIN_ROLES } from "./roles.ts";

const USAGE = `Usage: npm run migrate -- up [--to 0002] | down [--to 0001 | --to 0] | status | logins
DATABASE_URL names the database, as its owner. "down" takes back the newest migration, or all after --to.
"logins" lets the roles log in with the passwords found in ${LOGIN_ROLES.map((role) => `${role.toUpperCase()}_DB_PASSWORD`).join(", ")}.`;

const [command, ...rest] = process.argv.slice(2);
try {
  process.exitCode = await main(command, rest);
} catch (error) {
  if (!(error instanceof MigrationError)) throw error;
  console.error(`migrate: ${error.message}`);
  process.exitCode = 1;
}

async function main(name: string | undefined, args: readonly string[]): Promise<number> {
  const [flag, to] = args;
  const wrong = args.length > 0 && (flag !== "--to" || to === undefined || args.length > 2);
  if (wrong || !["up", "down", "status", "logins"].includes(name ?? "")) {
    console.error(USAGE);
    return 2;
  }
  const url = process.env.DATABASE_URL;
  if (url === undefined || url === "") throw new MigrationError("DATABASE_URL is not set");
  const range = to === undefined ? {} : { to };
  if (name === "up") return report("applied", await migrateUp(url, range), "nothing to apply");
  if (name === "down") return report("taken back", await migrateDown(url, range), "nothing to take back");
  if (name === "logins") return logins(url);
  const states = await migrationStatus(url);
  for (const { name: migration, state, applied_at } of states) {
    console.log(`${state.padEnd(8)} ${migration}${applied_at === null ? "" : `  ${applied_at.toISOString()}`}`);
  }
  return states.every(({ state }) => state === "applied" || state === "pending") ? 0 : 1;
}

async function logins(url: string): Promise<number> {
  const passwords = passwordsFrom(process.env);
  if (Object.keys(passwords).length === 0) {
    throw new MigrationError(`no password is set; at least one of APP_DB_PASSWORD, PROBE_DB_PASSWORD, ... is needed`);
  }
  return report("may log in", await grantLogins(url, passwords), "nothing changed");
}

function report(what: string, names: readonly string[], nothing: string): number {
  for (const name of names) console.log(`${what} ${name}`);
  if (names.length === 0) console.log(nothing);
  return 0;
}
