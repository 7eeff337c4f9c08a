import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { JOIN_TTL_MAX_S, JOIN_TTL_S, REGION } from "../../shared/fleet/token.ts";
import { KEY_MODES } from "../../shared/keys/key.ts";
import { ALL_OF_TENANT, SCOPES } from "../../shared/keys/scopes.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { createTenant, newApiKey, PLANS, storeApiKey } from "../admin/accounts.ts";
import { newJoinToken, storeJoinToken } from "../admin/joins.ts";

const USAGE = `usage:
  mailsonar admin tenant create --name NAME [--plan ${PLANS.join("|")}] [--credits N]
  mailsonar admin key create --tenant ID --name NAME [--mode ${KEY_MODES.join("|")}] [--scopes LIST]
  mailsonar admin probe-token create --region REGION [--name NAME] [--expires 24h]
tenant and key use APP_DATABASE_URL (role app); probe-token uses DATABASE_URL (owner of the tables, or role dispatcher).
Scopes, separated by commas: ${SCOPES.join(", ")}; * (the default) is all but platform, which commands the fleet.
A probe token lets one host join the fleet, once, with "mailsonar enroll".`;

type Values = Readonly<Record<string, string | undefined>>;
type Task = { readonly database: "APP_DATABASE_URL" | "DATABASE_URL"; readonly run: (db: Client) => Promise<object> };

const OPTIONS = {
  name: { type: "string" },
  plan: { type: "string", default: "free" },
  credits: { type: "string", default: "0" },
  tenant: { type: "string" },
  mode: { type: "string", default: "live" },
  scopes: { type: "string", default: ALL_OF_TENANT },
  region: { type: "string" },
  expires: { type: "string", default: `${JOIN_TTL_S}s` },
} as const;

/** Creates tenants, API keys and join tokens of probes. Prints one JSON object; secrets in it are shown this once. */
export async function main(args: string[]): Promise<number> {
  const task = readTask(args);
  if (!task.ok) return fail(task.error, 2);
  const url = process.env[task.value.database];
  if (!url) return fail(`${task.value.database} is not set`, 2);
  const db = new Client({ connectionString: url });
  try {
    await db.connect();
    process.stdout.write(`${JSON.stringify(await task.value.run(db))}\n`);
    return 0;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), 1);
  } finally {
    await db.end();
  }
}

function readTask(args: string[]): Result<Task, string> {
  let parsed: { positionals: string[]; values: Values };
  try {
    parsed = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
  const { name, region, tenant } = parsed.values;
  switch (parsed.positionals.join(" ")) {
    case "tenant create":
      return name ? tenantTask(name, parsed.values) : err("tenant create needs --name");
    case "key create":
      return tenant && name ? keyTask(tenant, name, parsed.values) : err("key create needs --tenant and --name");
    case "probe-token create":
      return region ? probeTask(region, name ?? "", parsed.values) : err("probe-token create needs --region");
    default:
      return err(USAGE);
  }
}

function tenantTask(name: string, values: Values): Result<Task, string> {
  const plan = PLANS.find((one) => one === values.plan);
  if (!plan) return err(`--plan must be one of ${PLANS.join(", ")}`);
  const credits = Number(values.credits);
  if (!Number.isSafeInteger(credits) || credits < 0) return err("--credits must be a whole number");
  const id = randomUUID();
  return ok({
    database: "APP_DATABASE_URL",
    run: async (db) => {
      await createTenant(db, { id, name, plan, credits });
      return { tenant: id, name, plan, credits };
    },
  });
}

function keyTask(tenant: string, name: string, values: Values): Result<Task, string> {
  const mode = KEY_MODES.find((one) => one === values.mode);
  if (!mode) return err(`--mode must be one of ${KEY_MODES.join(", ")}`);
  if (!/^[0-9a-f-]{36}$/i.test(tenant)) return err("--tenant must be a tenant's id");
  const scopes = (values.scopes ?? "").split(",").map((scope) => scope.trim());
  const known: readonly string[] = [ALL_OF_TENANT, ...SCOPES];
  const wrong = scopes.find((scope) => !known.includes(scope));
  if (wrong !== undefined) return err(`--scopes: there is no "${wrong}"; there are ${known.join(", ")}`);
  const key = newApiKey(mode);
  return ok({
    database: "APP_DATABASE_URL",
    run: async (db) => {
      await storeApiKey(db, tenant, name, key, scopes);
      return { key, tenant, name, mode, scopes };
    },
  });
}

function probeTask(region: string, name: string, values: Values): Result<Task, string> {
  if (!REGION.test(region)) return err("--region must be lower-case letters, digits and hyphens");
  const ttlS = secondsOf(values.expires ?? "");
  if (ttlS === null) return err("--expires must be a time such as 30m, 24h or 7d, at most 30d");
  const made = newJoinToken();
  return ok({
    database: "DATABASE_URL",
    run: async (db) => {
      const expires = await storeJoinToken(db, region, name, made, ttlS);
      return { probe: made.id, token: made.token, region, name, expires_at: expires };
    },
  });
}

const UNIT_S = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

function secondsOf(text: string): number | null {
  const [, count, unit] = /^(\d{1,8})(s|m|h|d)$/.exec(text) ?? [];
  if (unit !== "s" && unit !== "m" && unit !== "h" && unit !== "d") return null;
  const seconds = Number(count) * UNIT_S[unit];
  return seconds >= 1 && seconds <= JOIN_TTL_MAX_S ? seconds : null;
}

function fail(message: string, code: number): number {
  process.stderr.write(`mailsonar admin: ${message}\n`);
  return code;
}
