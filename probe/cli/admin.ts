import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { KEY_MODES } from "../../shared/keys/key.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { createTenant, newApiKey, newProbeToken, PLANS, storeApiKey, storeProbeToken } from "../admin/accounts.ts";

const USAGE = `usage:
  mailsonar admin tenant create --name NAME [--plan ${PLANS.join("|")}] [--credits N]
  mailsonar admin key create --tenant ID --name NAME [--mode ${KEY_MODES.join("|")}]
  mailsonar admin probe-token create --region REGION --name NAME
tenant and key use APP_DATABASE_URL (role app), probe-token uses DATABASE_URL (owner of the tables)`;

type Values = Readonly<Record<string, string | undefined>>;
type Task = { readonly database: "APP_DATABASE_URL" | "DATABASE_URL"; readonly run: (db: Client) => Promise<object> };

const OPTIONS = {
  name: { type: "string" },
  plan: { type: "string", default: "free" },
  credits: { type: "string", default: "0" },
  tenant: { type: "string" },
  mode: { type: "string", default: "live" },
  region: { type: "string" },
} as const;

/** Creates tenants, API keys and probe tokens. Prints one JSON object; secrets in it are shown this once. */
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
      return region && name ? probeTask(region, name) : err("probe-token create needs --region and --name");
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
  const key = newApiKey(mode);
  return ok({
    database: "APP_DATABASE_URL",
    run: async (db) => {
      await storeApiKey(db, tenant, name, key);
      return { key, tenant, name, mode };
    },
  });
}

function probeTask(region: string, name: string): Result<Task, string> {
  if (!/^[a-z0-9-]{1,32}$/.test(region)) return err("--region must be lower-case letters, digits and hyphens");
  const made = newProbeToken();
  return ok({
    database: "DATABASE_URL",
    run: async (db) => {
      await storeProbeToken(db, region, name, made);
      return { probe: made.id, token: made.token, region, name };
    },
  });
}

function fail(message: string, code: number): number {
  process.stderr.write(`mailsonar admin: ${message}\n`);
  return code;
}
