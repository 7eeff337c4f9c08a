import { connected, MigrationError } from "./migrate.ts";
import { LOGIN_ROLES, type LoginRole } from "./roles.ts";

/** Attempts to change a role that somebody else changes at the same moment. */
const CHANGE_TRIES = 20;

/**
 * Lets roles log in with the given passwords; a role without one is left as it is. The caller must be the role that
 * created them (or a superuser). Returns the roles changed. Refuses a role that bypasses row-level security.
 */
export async function grantLogins(
  url: string,
  passwords: Readonly<Partial<Record<LoginRole, string>>>,
): Promise<LoginRole[]> {
  return connected(url, async (client) => {
    const { rows } = await client.query<{ rolname: string }>(
      "SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) AND (rolsuper OR rolbypassrls)",
      [LOGIN_ROLES],
    );
    if (rows[0] !== undefined) {
      throw new MigrationError(
        `role ${rows[0].rolname} bypasses row-level security: drop it and let the migrations make it`,
      );
    }
    const given = LOGIN_ROLES.filter((role) => passwords[role] !== undefined && passwords[role] !== "");
    for (const role of given) {
      // Utility statements take no parameters.
      const statement = `ALTER ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(passwords[role] ?? "")}`;
      await untilAlone(() => client.query(statement));
    }
    return given;
  });
}

/** Roles belong to the cluster: while another database's applier changes the same one, Postgres refuses (XX000). */
async function untilAlone(change: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await change();
      return;
    } catch (error) {
      const raced = error instanceof Error && "code" in error && error.code === "XX000";
      if (!raced || attempt === CHANGE_TRIES) throw error;
    }
  }
}

/** Passwords from `APP_DB_PASSWORD`, `DISPATCHER_DB_PASSWORD`, `PROBE_DB_PASSWORD` and so on; unset ones are absent. */
export function passwordsFrom(env: Readonly<Record<string, string | undefined>>): Partial<Record<LoginRole, string>> {
  const pairs = LOGIN_ROLES.map((role) => [role, env[`${role.toUpperCase()}_DB_PASSWORD`]] as const);
  return Object.fromEntries(pairs.filter(([, password]) => password !== undefined && password !== ""));
}
