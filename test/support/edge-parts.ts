import { randomBytes, randomUUID } from "node:crypto";
import { Client } from "pg";
import { createDatabase, type Database } from "../../edge/data/database.ts";
import type { Env } from "../../edge/env.ts";
import { freshDatabase, type TestDatabase } from "./database.ts";

/** The edge's own database access on a real Postgres, without the Workers runtime. */
export type DatabaseBench = {
  readonly database: Database;
  readonly sql: Client;
  tenant(): Promise<string>;
  close(): Promise<void>;
};

/** Opens it on a database of its own. */
export async function openDatabase(): Promise<DatabaseBench> {
  const fresh: TestDatabase = await freshDatabase();
  const sql = new Client({ connectionString: fresh.superuserUrl, application_name: "edge-parts" });
  await sql.connect();
  return {
    database: createDatabase({
      appDatabaseUrl: fresh.roleUrl("app"),
      dispatcherDatabaseUrl: fresh.roleUrl("dispatcher"),
      databaseEndpoint: fresh.shimUrl,
    } as Env),
    sql,
    async tenant() {
      const id = randomUUID();
      await sql.query("INSERT INTO tenants (id, name) VALUES ($1, 'test')", [id]);
      return id;
    },
    async close() {
      await sql.end();
      await fresh.drop();
    },
  };
}

/** A UUID of version 7 of now, whose verdicts have a partition. */
export function jobId(): string {
  const hex = Date.now().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Object storage in memory: what ingest reads a list from, in pieces of `chunkBytes`. */
export function filesOf(objects: Record<string, Uint8Array>, chunkBytes = 4_096): Env["files"] {
  const files = {
    head: async (key: string) => (objects[key] === undefined ? null : { size: objects[key].length, etag: key }),
    async get(key: string, { range }: { range?: { offset: number; length: number } } = {}) {
      const from = range?.offset ?? 0;
      const bytes = objects[key]?.subarray(from, range === undefined ? undefined : from + range.length);
      return bytes === undefined ? null : { body: pieces(bytes, chunkBytes) };
    },
    async put(key: string, bytes: Uint8Array) {
      objects[key] = bytes.slice();
    },
    async delete(key: string) {
      delete objects[key];
    },
  };
  return files as unknown as Env["files"];
}

function pieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
}
