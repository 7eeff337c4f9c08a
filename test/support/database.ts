import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import type { LoginRole } from "../../migrations/roles.ts";

export type TestDatabase = {
  readonly name: string;
  /** Passes row-level security: for arranging and looking, never for the behaviour under test. */
  readonly superuserUrl: string;
  /** Owns the database and migrated it; no superuser. */
  readonly ownerUrl: string;
  roleUrl(role: LoginRole): string;
  /** The Neon HTTP endpoint (`neonConfig.fetchEndpoint`) for connection strings of this database. */
  readonly shimUrl: string;
  /** Drops it. Throws when connections are still open: a leaked pool fails the test file. */
  drop(): Promise<void>;
};

/** A database of its own for a test file, migrated and with every role able to log in. Call `drop` in `afterAll`. */
export async function freshDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const door = `${inject("databaseDoor")}/${name}`;
  const made = await ask<{
    superuserUrl: string;
    ownerUrl: string;
    roleUrls: Record<LoginRole, string>;
    shimUrl: string;
  }>(door, "PUT");
  return {
    name,
    superuserUrl: made.superuserUrl,
    ownerUrl: made.ownerUrl,
    roleUrl: (role) => made.roleUrls[role],
    shimUrl: made.shimUrl,
    async drop() {
      const { leaked } = await ask<{ leaked: string[] }>(door, "DELETE");
      if (leaked.length > 0) throw new Error(`connections left open to ${name}: ${leaked.join("; ")}`);
    },
  };
}

async function ask<T>(url: string, method: string): Promise<T> {
  const response = await fetch(url, { method, headers: { connection: "close" } });
  const text = await response.text();
  if (!response.ok) throw new Error(`database: ${text}`);
  return JSON.parse(text);
}
