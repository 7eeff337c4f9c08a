import { Client } from "pg";
import { fail, fine, skip, warn } from "../findings.ts";
import { DATABASE_TIMEOUT_MS } from "../limits.ts";
import type { DoctorCheck, Finding } from "../types.ts";

type Standing = { readonly who: string; readonly mighty: boolean; readonly may_settle: boolean };

const ROLE = "Set DATABASE_URL to the role probe, which may call settle and nothing else.";

/** Finished work is settled in Postgres by the role `probe`; a mightier role would void the ticket's protection. */
export const database: DoctorCheck = {
  id: "database",
  title: "Database as role probe",
  async run({ config }) {
    if (config.databaseUrl === null) return skip("DATABASE_URL is not set");
    const client = new Client({
      connectionString: config.databaseUrl,
      connectionTimeoutMillis: DATABASE_TIMEOUT_MS,
      query_timeout: DATABASE_TIMEOUT_MS,
    });
    // A connection that breaks while idle emits an error nobody waits for.
    client.on("error", () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<Standing>(
        `SELECT current_user AS who, r.rolsuper OR r.rolbypassrls AS mighty,
                coalesce((SELECT bool_or(has_function_privilege(p.oid, 'execute')) FROM pg_proc p WHERE p.proname = 'settle'),
                         false) AS may_settle
           FROM pg_roles r WHERE r.rolname = current_user`,
      );
      return judge(rows[0]);
    } catch (error) {
      return fail(
        `no connection: ${describe(error)}`,
        "Check DATABASE_URL, its password and the way to the database's port.",
      );
    } finally {
      await client.end().catch(() => undefined);
    }
  },
};

function judge(standing: Standing | undefined): Finding {
  if (standing === undefined) return warn("the database does not say who we are", ROLE);
  if (standing.mighty) return fail(`connected as ${standing.who}, which bypasses row-level security`, ROLE);
  if (!standing.may_settle) return fail(`${standing.who} may not call settle`, `${ROLE} Are all migrations applied?`);
  return fine(`connected as ${standing.who}`);
}

/** Drivers put host names and codes into messages, never the password; a refused connection has a code alone. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}
