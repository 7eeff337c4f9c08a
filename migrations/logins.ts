import { connected, MigrationError } from "./migrate.ts";
import { LOGIN_ROLES, type LoginRole } from "./roles.ts";

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
    await client.query("BEGIN");
    // Two databases of one cluster may be prepared at once, and Postgres refuses to change one role twice at a time.
    await client.query("SELECT pg_advisory_xact_lock(hashtext('grant_logins'))");
    for (const role of given) {
      // Utility statements take no parameters.
      await client.query(`ALTER ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(passwords[role] ?? "")}`);
    }
    await client.query("COMMIT");
    return given;
  });
}

/** Passwords from `APP_DB_PASSWORD`, `DISPATCHER_DB_PASSWORD`, `PROBE_DB_PASSWORD` and so on; unset ones are absent. */
export function passwordsFrom(env: Readonly<Record<string, string | undefined>>): Partial<Record<LoginRole, string>> {
  const pairs = LOGIN_ROLES.map((role) => [role, env[`${role.toUpperCase()}_DB_PASSWORD`]] as const);
  return Object.fromEntries(pairs.filter(([, password]) => password !== undefined && password !== ""));
}
