import { type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "./database.ts";

const UPLOAD_STATES = ["open", "ready", "used", "gone"] as const;

const uploadRow = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(UPLOAD_STATES),
  object_key: z.string(),
  bytes: z.coerce.number(),
  part_bytes: z.number().nullable(),
  multipart: z.string().nullable(),
  /** Etags by part number. */
  parts: z.record(z.string(), z.string()),
  rows_guess: z.number().nullable(),
  job_id: z.string().nullable(),
  created_at: z.date(),
  expires_at: z.date(),
});

/**
 * A list in object storage, or on its way there, of which no job was made yet. `open` while parts are missing, `ready`
 * to be looked at, `used` by a job, `gone` when it was given up.
 */
export type StoredUpload = z.infer<typeof uploadRow>;

export type NewUpload = Pick<
  StoredUpload,
  "id" | "name" | "object_key" | "bytes" | "part_bytes" | "multipart" | "rows_guess"
> & { readonly tenantId: string; readonly ttlS: number };

/** Stores an upload: open when it comes in parts, else ready. Returns when it expires. */
export async function createUploadRow(database: Database, upload: NewUpload): Promise<StoredUpload> {
  const { id, tenantId, name, object_key: key, bytes, part_bytes: part, multipart, rows_guess: guess } = upload;
  const [[row] = []] = await database.tenant(tenantId, [
    sql`insert into uploads (id, tenant_id, name, state, object_key, bytes, part_bytes, multipart, rows_guess, expires_at)
        values (${id}, ${tenantId}, ${name}, ${multipart === null ? "ready" : "open"}, ${key}, ${bytes}::bigint,
                ${part}, ${multipart}, ${guess}, now() + ${upload.ttlS}::integer * interval '1 second')
        returning *`,
  ]);
  return uploadRow.parse(row);
}

/** An upload of the tenant; null when there is none, or when it was given up. */
export async function readUpload(database: Database, tenantId: string, id: string): Promise<StoredUpload | null> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`select * from uploads where id = ${id} and state <> 'gone'`,
  ]);
  return row === undefined ? null : uploadRow.parse(row);
}

/** Notes a part that object storage has taken; one that came before under this number is replaced. */
export async function notePart(
  database: Database,
  tenantId: string,
  id: string,
  part: number,
  etag: string,
): Promise<boolean> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`update uploads set parts = parts || jsonb_build_object(${String(part)}::text, ${etag}::text)
         where id = ${id} and state = 'open' returning id`,
  ]);
  return row !== undefined;
}

/** An upload whose parts were put together is ready; nothing happens when it is so already. */
export async function markReady(database: Database, tenantId: string, id: string): Promise<void> {
  await database.tenant(tenantId, [sql`update uploads set state = 'ready' where id = ${id} and state = 'open'`]);
}

/** Gives an upload up that no job uses; what it was, or null when there is none to give up. */
export async function dropUpload(database: Database, tenantId: string, id: string): Promise<StoredUpload | null> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`update uploads u set state = 'gone' from uploads before
         where u.id = ${id} and before.id = u.id and u.state in ('open', 'ready')
        returning before.*`,
  ]);
  return row === undefined ? null : uploadRow.parse(row);
}

/** The part of a statement that gives an upload to a job: one row if it was ready. */
export const takeUpload = (uploadId: string, jobId: string): SQL =>
  sql`update uploads set state = 'used', job_id = ${jobId}::uuid where id = ${uploadId}::uuid and state = 'ready' returning id`;

/** Uploads of all tenants whose time is over, the oldest first. */
export async function expiredUploads(
  database: Database,
  most: number,
): Promise<{ readonly id: string; readonly tenantId: string }[]> {
  const rows = await database.dispatcher(sql`select id, tenant_id from expired_uploads(${most}::integer)`);
  return rows.map((row) => ({ id: String(row.id), tenantId: String(row.tenant_id) }));
}
