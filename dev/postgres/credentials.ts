import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LOGIN_ROLES, type LoginRole } from "../../migrations/roles.ts";

export type Credentials = {
  readonly superuser: string;
  readonly owner: string;
  readonly roles: Readonly<Record<LoginRole, string>>;
};

/** The passwords of this installation, from `credentials.json` (mode 0600) in `dataDir`; made on the first start. */
export async function readOrMakeCredentials(dataDir: string): Promise<Credentials> {
  const file = join(dataDir, "credentials.json");
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) {
    if (await stat(join(dataDir, "cluster")).catch(() => undefined)) {
      throw new Error(`Postgres: ${file} is gone, but its passwords are those of the data beside it`);
    }
    const made: Credentials = { superuser: password(), owner: password(), roles: perRole(() => password()) };
    await writeFile(file, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    return made;
  }
  const kept: unknown = JSON.parse(text);
  return {
    superuser: field(kept, "superuser", file),
    owner: field(kept, "owner", file),
    roles: perRole((role) => field(member(kept, "roles"), role, file)),
  };
}

const password = (): string => randomBytes(24).toString("hex");

function perRole(make: (role: LoginRole) => string): Record<LoginRole, string> {
  const [app, dispatcher, probe, courier, eraser] = LOGIN_ROLES;
  return {
    app: make(app),
    dispatcher: make(dispatcher),
    probe: make(probe),
    courier: make(courier),
    eraser: make(eraser),
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function field(value: unknown, name: string, file: string): string {
  const found = member(value, name);
  if (typeof found !== "string" || found === "") throw new Error(`Postgres: ${file} has no password for ${name}`);
  return found;
}
