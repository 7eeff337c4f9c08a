import { sql } from "drizzle-orm";
import { CHUNK_TARGET_ITEMS } from "../../shared/limits.ts";
import { OWN_CHUNK_MIN_ITEMS } from "../limits.ts";
import type { Database } from "./database.ts";

export type Plan = {
  readonly tenantId: string;
  readonly jobId: string;
  /** Region whose hubs take the chunks while it has probes, and their number. */
  readonly region: string;
  readonly shards: number;
  /** Seconds for which a verdict answers a row of another list, by reason. */
  readonly kept: Readonly<Record<string, number>>;
};

/** What planning did: the hubs that now have something due. Null when there was nothing to plan. */
export type Planned = { readonly hubs: readonly string[] };

/**
 * Turns a staged list into chunks and starts the job, in one transaction: duplicates are marked (the first row of its
 * kind stands for all), addresses of one domain travel together, small domains are packed whole, with others of their
 * hub (`hub_shard`). The job's row is locked first and its state tells whether it is still to be planned, so a second
 * planner finds nothing to do.
 */
export async function planJob(database: Database, plan: Plan): Promise<Planned | null> {
  const { tenantId, jobId, region, shards } = plan;
  const ready = sql`exists (select 1 from jobs where id = ${jobId} and state = 'ingesting' and ingested)`;
  const [, , , , , started = []] = await database.tenant(tenantId, [
    // Fresh rows have no statistics: a join that expects one row would visit a million for each.
    sql`select set_config('enable_nestloop', 'off', true)`,
    sql`select id from jobs where id = ${jobId} and state = 'ingesting' and ingested for update`,
    sql`update job_items i set dup_of = f.first
          from (select row_no, min(row_no) over (partition by dedupe) as first from job_items where job_id = ${jobId}) f
         where i.job_id = ${jobId} and i.row_no = f.row_no and f.first <> f.row_no and ${ready}`,
    sql`select answer_known(${jobId}, ${JSON.stringify(plan.kept)}::jsonb)`,
    sql`with home as materialized (select 'hub:' || home_region(${region}) || ':' as prefix), waiting as (
          select row_no, email, domain, allow_rule, count(*) over (partition by domain) as size,
                 row_number() over (partition by domain order by row_no) as nth
            from job_items where job_id = ${jobId} and not decided and dup_of is null and ${ready}
        ), small as (
          select domain, shard, trunc((sum(n) over (partition by shard order by domain) - n) / ${CHUNK_TARGET_ITEMS}::integer) as part
            from (select domain, count(*) as n, hub_shard(domain, ${shards}::integer) as shard
                    from waiting where size < ${OWN_CHUNK_MIN_ITEMS}::integer group by domain) s
        ), grouped as (
          select domain, null::integer as shard, (nth - 1) / ${CHUNK_TARGET_ITEMS}::integer as part, row_no, email, allow_rule
            from waiting where size >= ${OWN_CHUNK_MIN_ITEMS}::integer
          union all
          select '', small.shard, small.part, w.row_no, w.email, w.allow_rule from waiting w join small on small.domain = w.domain
           where w.size < ${OWN_CHUNK_MIN_ITEMS}::integer
        )
        insert into chunks (id, tenant_id, job_id, kind, hub, lane, domain, options, items, open_items, key_id, trace_id)
        select gen_random_uuid(), j.tenant_id, j.id, 'job', home.prefix || coalesce(g.shard, hub_shard(g.domain, ${shards}::integer)), j.lane, g.domain,
               jsonb_build_object('mode', j.mode, 'role_is_risky', coalesce((j.options ->> 'role_is_risky')::boolean, false)),
               g.items, g.n, j.key_id, j.trace_id
          from (select domain, shard, part, count(*) as n,
                       jsonb_agg(jsonb_strip_nulls(jsonb_build_object('n', row_no, 'email', email, 'allow_rule', allow_rule))
                                 order by row_no) as items
                  from grouped group by domain, shard, part) g
          join jobs j on j.id = ${jobId} cross join home`,
    sql`update jobs set state = 'running',
               edge_decided = t.decided, duplicates = t.duplicates,
               checkpoint = checkpoint || jsonb_build_object('since', now(), 'planned', jsonb_build_object(
                 'decided', t.decided, 'waiting_duplicates', t.waiting,
                 'counts', (select coalesce(jsonb_object_agg(status, n), '{}'::jsonb)
                              from (select status, count(*) as n from verdicts where job_id = ${jobId} group by 1) s)))
          from (select count(*) filter (where decided) as decided, count(dup_of) as duplicates,
                       count(*) filter (where dup_of is not null and not decided) as waiting
                  from job_items where job_id = ${jobId}) t
         where id = ${jobId} and state = 'ingesting' and ingested
        returning (select coalesce(array_agg(distinct hub), '{}') from chunks where job_id = ${jobId}) as hubs`,
  ]);
  const [row] = started;
  if (row === undefined) return null;
  return { hubs: Array.isArray(row.hubs) ? row.hubs.map(String) : [] };
}
