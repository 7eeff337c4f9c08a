import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "./database.ts";

const startedRow = z.object({
  id: z.string(),
  state: z.enum(["ingesting", "running"]),
  hubs: z.array(z.string()),
});

/** A job that got a slot: its list is to be taken in, or it goes on and these hubs have its chunks. */
export type StartedJob = z.infer<typeof startedRow>;

/** Starts waiting jobs of a tenant while its plan has slots; `limits` is how many work at once by plan. */
export async function startJobs(
  database: Database,
  tenantId: string,
  limits: Readonly<Record<string, number>>,
): Promise<StartedJob[]> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`select id, state, hubs from start_jobs(${JSON.stringify(limits)}::jsonb)`,
  ]);
  return rows.map((row) => startedRow.parse(row));
}

/** Tenants with a waiting job and a free slot. */
export async function tenantsToStart(
  database: Database,
  limits: Readonly<Record<string, number>>,
  most: number,
): Promise<string[]> {
  const rows = await database.dispatcher(
    sql`select tenant from tenants_to_start(${JSON.stringify(limits)}::jsonb, ${most}) as tenant`,
  );
  return rows.map((row) => String(row.tenant));
}

/** Pauses a job; its slot is free for another. False when there is none, or it is past pausing. */
export async function pauseJob(database: Database, tenantId: string, id: string): Promise<boolean> {
  const [[row] = []] = await database.tenant(tenantId, [sql`select pause_job(${id}) as done`]);
  return row?.done === true;
}

/** Lets a paused job wait for a slot. False when there is none that is paused. */
export async function resumeJob(database: Database, tenantId: string, id: string): Promise<boolean> {
  const [rows = []] = await database.tenant(tenantId, [
    sql`update jobs set state = 'queued' where id = ${id} and state = 'paused' returning id`,
  ]);
  return rows.length > 0;
}

/** The verdict of rows that were never asked: everything but the address. */
export type BlankVerdict = { readonly score: number; readonly detail: unknown };

/** Ends a job before its end: what was verified is billed, the rest is given back. False when there is nothing to end. */
export async function cancelJob(
  database: Database,
  tenantId: string,
  id: string,
  blank: BlankVerdict,
): Promise<boolean> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`select cancel_job(${id}, ${JSON.stringify(blank)}::jsonb) as done`,
  ]);
  return row?.done === true;
}

/** Hides a job that has ended. Returns the objects that hold its list; null when there is no such job. */
export async function hideJob(database: Database, tenantId: string, id: string): Promise<{ sourceKey: string } | null> {
  const [[row] = []] = await database.tenant(tenantId, [
    sql`update jobs set deleted_at = now()
         where id = ${id} and deleted_at is null and state in ('completed', 'cancelled', 'failed')
        returning source_key`,
  ]);
  return row === undefined ? null : { sourceKey: String(row.source_key) };
}

/** Renames a job or sets its tags. False when there is none. */
export async function relabelJob(
  database: Database,
  tenantId: string,
  id: string,
  change: { readonly name?: string | undefined; readonly tags?: readonly string[] | undefined },
): Promise<boolean> {
  const { name, tags } = change;
  const [rows = []] = await database.tenant(tenantId, [
    sql`update jobs set name = coalesce(${name ?? null}, name),
               tags = coalesce(${tags === undefined ? null : sql.param([...tags])}::text[], tags)
         where id = ${id} and deleted_at is null returning id`,
  ]);
  return rows.length > 0;
}
