-- The lives of a job: waiting for a slot, paused, cancelled, deleted; and how it ends, once, however it ends.

ALTER TABLE jobs ADD COLUMN tags text[] NOT NULL DEFAULT '{}', ADD COLUMN deleted_at timestamptz;
-- Jobs of a tenant that work or wait: how many slots are taken, and who is next.
CREATE INDEX jobs_active ON jobs (tenant_id, state, lane, id) WHERE state IN ('queued', 'ingesting', 'running', 'finalising');

-- A chunk of a paused job is `held`. The index of what is due has only planned chunks, so holding costs refill nothing.
ALTER TABLE chunks DROP CONSTRAINT chunks_state_check,
  ADD CONSTRAINT chunks_state_check CHECK (state IN ('planned', 'held', 'out', 'done'));

-- Verdicts by domain of each list, counted once when it ends: the history of a domain.
CREATE TABLE job_domains (
  tenant_id      uuid NOT NULL,
  domain         text NOT NULL,
  job_id         uuid NOT NULL,
  at             timestamptz NOT NULL DEFAULT now(),
  deliverable    integer NOT NULL DEFAULT 0,
  undeliverable  integer NOT NULL DEFAULT 0,
  risky          integer NOT NULL DEFAULT 0,
  unknown        integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, domain, job_id)
);
ALTER TABLE job_domains ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_domains FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON job_domains TO app USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT ON job_domains TO app;

-- Answers from the tenant's cache, beside those that were asked for.
ALTER TABLE usage_records ADD COLUMN cache_hits integer NOT NULL DEFAULT 0;

-- ---------------------------------------------------------------- slots

-- Starts waiting jobs of the tenant while its plan has slots (`limits` is {plan: jobs at once}), urgent and old ones
-- first. A job that was paused goes on where it stood. The tenant's row is the lock: two callers never both take the
-- last slot. Returns what was started, in which state, and the hubs that have its chunks.
CREATE FUNCTION start_jobs(limits jsonb) RETURNS TABLE (id uuid, state text, hubs text[])
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE room integer; j record;
BEGIN
  SELECT coalesce((limits ->> t.plan)::integer, 1) INTO room FROM tenants t WHERE t.id = current_tenant() FOR NO KEY UPDATE;
  room := room - (SELECT count(*) FROM jobs a WHERE a.tenant_id = current_tenant() AND a.state IN ('ingesting', 'running', 'finalising'));
  FOR j IN SELECT q.id, q.checkpoint ? 'planned' AS planned FROM jobs q
            WHERE q.tenant_id = current_tenant() AND q.state = 'queued'
            ORDER BY q.lane, q.id LIMIT greatest(room, 0) FOR UPDATE LOOP
    IF j.planned THEN
      UPDATE chunks c SET state = 'planned' WHERE c.job_id = j.id AND c.state = 'held';
    END IF;
    RETURN QUERY UPDATE jobs w SET state = CASE WHEN j.planned THEN 'running' ELSE 'ingesting' END,
        started_at = coalesce(w.started_at, now()),
        checkpoint = w.checkpoint || jsonb_build_object('at', now(), 'since', now(),
          'settled_before', (SELECT coalesce(sum(c.settled), 0) FROM chunks c WHERE c.job_id = j.id))
      WHERE w.id = j.id
      RETURNING w.id, w.state,
                ARRAY(SELECT DISTINCT c.hub FROM chunks c WHERE c.job_id = j.id AND c.state = 'planned');
  END LOOP;
END $$;

-- Tenants that have a job waiting and a slot free, for the sweep.
CREATE FUNCTION tenants_to_start(limits jsonb, most integer) RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT t.id FROM tenants t
   WHERE t.id IN (SELECT j.tenant_id FROM jobs j WHERE j.state = 'queued')
     AND (SELECT count(*) FROM jobs a WHERE a.tenant_id = t.id AND a.state IN ('ingesting', 'running', 'finalising'))
         < coalesce((limits ->> t.plan)::integer, 1)
   LIMIT most
$$;

-- ---------------------------------------------------------------- pause and resume

-- Pauses a job: what waits is held, what is out comes home and settles. A chunk that a hub takes at the same moment is
-- finished first. False when the job is past pausing.
CREATE FUNCTION pause_job(job uuid) RETURNS boolean
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
BEGIN
  UPDATE jobs SET state = 'paused' WHERE jobs.id = job AND jobs.state IN ('queued', 'ingesting', 'running', 'paused');
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE chunks SET state = 'held' WHERE chunks.job_id = job AND chunks.state = 'planned';
  RETURN true;
END $$;

-- Called in each transaction that stages rows: it fails when the job is no longer taken in (paused, cancelled), and
-- until it ends nobody can end the job. The caller's own update of the job is not in the way of others' shares.
CREATE FUNCTION keep_ingesting(job uuid) RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM 1 FROM jobs WHERE jobs.id = job AND jobs.state = 'ingesting' AND NOT jobs.ingested FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'job % is not being taken in', job USING ERRCODE = 'MS004';
  END IF;
END $$;

-- ---------------------------------------------------------------- the end of a job (runs in tenant context)

-- Ends a job whose rows all have a verdict or repeat one that has: duplicates get theirs, the truth is counted from the
-- verdict rows, the hold is settled and released, the event is raised. The caller holds the job's row. Without nested
-- loops: a million rows staged and settled within the minute have no statistics yet, and a plan made for a handful
-- takes hours. Billed is what was asked or decided for the first time: no unknown, no duplicate, nothing from the cache.
CREATE FUNCTION close_job(job uuid, ended text) RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE j jobs%ROWTYPE; held bigint; cost bigint; total bigint; smtp bigint; hits bigint; statuses jsonb; reasons jsonb;
BEGIN
  SELECT * INTO STRICT j FROM jobs WHERE jobs.id = job;
  INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
    SELECT job, d.row_no, d.tenant_id, d.email, email_hash(d.email), v.status, v.reason, v.score, v.detail, 'duplicate', v.key_id, v.checked_at
      FROM job_items d JOIN verdicts v ON v.job_id = job AND v.item_no = d.dup_of
     WHERE d.job_id = job AND d.dup_of IS NOT NULL AND NOT d.decided
       AND (j.options ->> 'dedupe' IS DISTINCT FROM 'one_per_domain' OR email_hash(d.email) = v.email_hash);
  -- One address of each domain was wanted: what was found of it says nothing of the others.
  IF j.options ->> 'dedupe' = 'one_per_domain' THEN
    INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
      SELECT job, d.row_no, d.tenant_id, d.email, email_hash(d.email), 'unknown', 'not_checked', 50, '{"reasons":["not_checked"],"rating":"fair","score_version":"2026-11-1"}', 'duplicate', v.key_id, v.checked_at
        FROM job_items d JOIN verdicts v ON v.job_id = job AND v.item_no = d.dup_of
       WHERE d.job_id = job AND d.dup_of IS NOT NULL AND NOT d.decided AND email_hash(d.email) <> v.email_hash;
  END IF;

  -- One pass over the rows: by kind for the job, by domain for its history (of the 10,000 largest domains).
  WITH sums AS MATERIALIZED (
    SELECT v.status, v.reason, v.source, i.dup_of IS NULL AS first, i.domain, grouping(i.domain) = 0 AS by_domain, count(*) AS n
      FROM verdicts v JOIN job_items i ON i.job_id = job AND i.row_no = v.item_no
     WHERE v.job_id = job
     GROUP BY GROUPING SETS ((v.status, v.reason, v.source, i.dup_of IS NULL), (i.domain, v.status))
  ), domains AS (
    INSERT INTO job_domains (tenant_id, domain, job_id, deliverable, undeliverable, risky, unknown)
    SELECT j.tenant_id, s.domain, job, coalesce(sum(n) FILTER (WHERE status = 'deliverable'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'undeliverable'), 0), coalesce(sum(n) FILTER (WHERE status = 'risky'), 0),
           coalesce(sum(n) FILTER (WHERE status = 'unknown'), 0)
      FROM sums s WHERE s.by_domain AND s.domain IS NOT NULL GROUP BY s.domain ORDER BY sum(n) DESC LIMIT 10000
  ), kinds AS (
    SELECT * FROM sums WHERE NOT by_domain
  )
  SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE status <> 'unknown' AND first AND source <> 'cache'), 0),
         coalesce(sum(n) FILTER (WHERE source = 'probe'), 0), coalesce(sum(n) FILTER (WHERE source = 'cache'), 0),
         (SELECT coalesce(jsonb_object_agg(s, k), '{}') FROM (SELECT status, sum(n) FROM kinds GROUP BY 1) x (s, k)),
         (SELECT coalesce(jsonb_object_agg(s, k), '{}') FROM (SELECT reason, sum(n) FROM kinds GROUP BY 1) x (s, k))
    INTO total, cost, smtp, hits, statuses, reasons
    FROM kinds;
  IF total <> j.staged_rows THEN
    RAISE EXCEPTION 'job % has % verdicts for % rows', job, total, j.staged_rows USING ERRCODE = 'MS002';
  END IF;

  SELECT coalesce(sum(amount), 0) INTO held FROM credit_ledger l WHERE l.tenant_id = j.tenant_id AND l.ref = job AND l.kind = 'hold';
  INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES (j.tenant_id, 'settle', cost, job);
  INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES (j.tenant_id, 'release', held, job);
  INSERT INTO usage_records (tenant_id, ref, day, key_id, endpoint, emails, billable, smtp_checks, cache_hits)
    VALUES (j.tenant_id, job, (now() AT TIME ZONE 'UTC')::date, j.key_id, 'jobs', total, cost, smtp, hits);

  UPDATE jobs SET state = ended, finished_at = now(),
      summary = jsonb_build_object('total', total, 'duplicates', j.duplicates, 'billed', cost, 'asked', smtp, 'cached', hits,
                                   'by_status', statuses, 'by_reason', reasons)
    WHERE jobs.id = job RETURNING * INTO j;
  PERFORM raise_event(j.tenant_id, 'job.' || ended,
    jsonb_build_object('id', j.id, 'name', j.name, 'state', j.state, 'summary', j.summary,
                       'created_at', j.created_at, 'finished_at', j.finished_at), j.trace_id);
END $$;

-- Ends a job without open chunks. True when this call ended it.
CREATE OR REPLACE FUNCTION finalise_job(job uuid) RETURNS boolean
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM 1 FROM jobs WHERE jobs.id = job AND jobs.state IN ('running', 'finalising') FOR UPDATE;
  IF NOT FOUND OR EXISTS (SELECT 1 FROM chunks c WHERE c.job_id = job AND c.state <> 'done') THEN
    RETURN false;
  END IF;
  PERFORM close_job(job, 'completed');
  RETURN true;
END $$;

-- Ends a job before its end. Whoever settles a chunk at this moment is either waited for and counts, or meets a rotated
-- ticket and settles nothing; whoever stages rows likewise (keep_ingesting). Rows never asked get the verdict `blank`
-- ({score, detail}: unknown, not_checked) and cost nothing, so that exports are whole and exactly the rest is billed.
-- False when the job is past cancelling.
CREATE FUNCTION cancel_job(job uuid, blank jsonb) RETURNS boolean
  LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_nestloop = off
AS $$
DECLARE j jobs%ROWTYPE; rows_in integer; doubles integer;
BEGIN
  SELECT * INTO j FROM jobs WHERE jobs.id = job AND jobs.state IN ('queued', 'ingesting', 'running', 'paused') FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE chunks c SET state = 'done', ticket = gen_random_uuid(), items = '[]', open_items = 0, done_at = now()
   WHERE c.job_id = job AND c.state <> 'done';
  -- Planning marks duplicates; a list that did not get there is marked now.
  IF NOT j.checkpoint ? 'planned' THEN
    UPDATE job_items i SET dup_of = f.first
      FROM (SELECT row_no, min(row_no) OVER (PARTITION BY dedupe) AS first FROM job_items WHERE job_id = job) f
     WHERE i.job_id = job AND i.row_no = f.row_no AND f.first <> f.row_no;
  END IF;
  INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
    SELECT job, i.row_no, i.tenant_id, i.email, email_hash(i.email), 'unknown', 'not_checked', (blank ->> 'score')::smallint,
           (blank -> 'detail')::json, 'edge', j.key_id, now()
      FROM job_items i LEFT JOIN verdicts v ON v.job_id = job AND v.item_no = i.row_no
     WHERE i.job_id = job AND i.dup_of IS NULL AND v.item_no IS NULL;
  SELECT count(*), count(i.dup_of) INTO rows_in, doubles FROM job_items i WHERE i.job_id = job;
  UPDATE jobs SET staged_rows = rows_in, duplicates = doubles, ingested = true WHERE jobs.id = job;
  PERFORM close_job(job, 'cancelled');
  RETURN true;
END $$;

-- ---------------------------------------------------------------- the work list knows paused jobs

-- How a chunk waits: held while its job is paused. A check has no job.
CREATE FUNCTION waiting_state(job uuid) RETURNS text
  LANGUAGE sql STABLE SET search_path = public, pg_temp
AS $$
  SELECT CASE WHEN EXISTS (SELECT 1 FROM jobs j WHERE j.id = job AND j.state = 'paused') THEN 'held' ELSE 'planned' END
$$;

-- As before, but an item that stays open waits as its job does.
CREATE OR REPLACE FUNCTION settle(chunk uuid, held_ticket uuid, results json, rest jsonb, hold boolean,
                       again_at timestamptz, keep_sticky jsonb)
  RETURNS TABLE (outcome text, next_ticket uuid, drained boolean, job uuid)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  c chunks%ROWTYPE;
  remaining jsonb := '[]';
  remaining_count integer;
  given integer;
  inserted integer;
  tally jsonb;
BEGIN
  SELECT * INTO c FROM chunks WHERE chunks.id = chunk AND chunks.ticket = held_ticket AND chunks.state = 'out' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'stale'::text, NULL::uuid, false, NULL::uuid;
    RETURN;
  END IF;

  WITH r AS MATERIALIZED (
    SELECT * FROM json_to_recordset(coalesce(results, '[]'))
      AS r (n integer, status text, reason text, score smallint, detail json, checked_at timestamptz)
  ), put AS (
    INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
    SELECT c.job_id, r.n, c.tenant_id, o.email, email_hash(o.email), r.status, r.reason, r.score, r.detail, 'probe', c.key_id, r.checked_at
      FROM r JOIN jsonb_to_recordset(c.items) AS o (n integer, email text) ON o.n = r.n
    RETURNING status
  ), tallied AS (
    SELECT status, count(*) AS k FROM put GROUP BY status
  )
  SELECT (SELECT count(*) FROM r), coalesce(sum(t.k), 0), coalesce(jsonb_object_agg(t.status, t.k), '{}')
    INTO given, inserted, tally FROM tallied t;
  IF inserted <> given THEN
    RAISE EXCEPTION 'settle: % results for items that are not open in chunk %', given - inserted, chunk
      USING ERRCODE = 'MS001';
  END IF;

  remaining_count := c.open_items - inserted;
  IF remaining_count > 0 THEN
    SELECT jsonb_agg(coalesce(news.i, old.i) ORDER BY (old.i ->> 'n')::integer)
      INTO remaining
      FROM jsonb_array_elements(c.items) AS old (i)
      LEFT JOIN jsonb_array_elements(coalesce(rest, '[]')) AS news (i) ON news.i -> 'n' = old.i -> 'n' AND news.i -> 'email' = old.i -> 'email'
     WHERE NOT EXISTS (SELECT 1 FROM json_to_recordset(coalesce(results, '[]')) AS r (n integer) WHERE r.n = (old.i ->> 'n')::integer);
  END IF;

  UPDATE chunks SET
      ticket = gen_random_uuid(),
      state = CASE WHEN remaining_count = 0 THEN 'done' WHEN hold THEN 'out' ELSE waiting_state(c.job_id) END,
      not_before = CASE WHEN remaining_count > 0 AND NOT hold THEN greatest(coalesce(again_at, now()), now()) ELSE not_before END,
      out_at = CASE WHEN hold AND remaining_count > 0 THEN now() ELSE out_at END,
      sticky = CASE WHEN remaining_count > 0 AND NOT hold THEN keep_sticky ELSE sticky END,
      items = remaining,
      open_items = remaining_count,
      settled = settled + inserted,
      deferred = CASE WHEN hold THEN least(deferred, remaining_count) ELSE remaining_count END,
      counts = (SELECT coalesce(jsonb_object_agg(k, coalesce((c.counts ->> k)::integer, 0) + coalesce((tally ->> k)::integer, 0)), '{}')
                  FROM jsonb_object_keys(c.counts || tally) AS k),
      done_at = CASE WHEN remaining_count = 0 THEN now() END
    WHERE chunks.id = chunk
    RETURNING chunks.state, chunks.ticket INTO c.state, c.ticket;

  IF c.kind = 'check' AND inserted = 1 THEN
    PERFORM settle_check(c.tenant_id, c.job_id, c.key_id, c.trace_id);
  END IF;

  RETURN QUERY SELECT
    CASE c.state WHEN 'done' THEN 'settled' WHEN 'out' THEN 'held' ELSE 'rest' END,
    CASE WHEN c.state = 'out' THEN c.ticket END,
    c.kind = 'job' AND c.state = 'done'
      AND NOT EXISTS (SELECT 1 FROM chunks o WHERE o.job_id = c.job_id AND o.state <> 'done'),
    CASE WHEN c.kind = 'job' THEN c.job_id END;
END $$;

CREATE OR REPLACE FUNCTION replan(lost jsonb) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH moved AS (
    UPDATE chunks c SET state = waiting_state(c.job_id), ticket = gen_random_uuid(), not_before = now(), out_at = NULL
      FROM jsonb_to_recordset(lost) AS l (id uuid, ticket uuid)
     WHERE c.id = l.id AND c.ticket = l.ticket AND c.state = 'out'
    RETURNING 1)
  SELECT count(*)::integer FROM moved
$$;

CREATE OR REPLACE FUNCTION reclaim(for_hub text, lost jsonb, after_ms bigint) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH moved AS (
    UPDATE chunks c SET state = waiting_state(c.job_id), ticket = gen_random_uuid(), out_at = NULL,
           not_before = now() + after_ms * interval '1 millisecond'
     WHERE c.id IN (SELECT l::uuid FROM jsonb_array_elements_text(lost) l) AND c.hub = for_hub AND c.state = 'out'
    RETURNING 1)
  SELECT count(*)::integer FROM moved
$$;

-- As before, without waiting jobs: those need a slot (tenants_to_start).
CREATE OR REPLACE FUNCTION jobs_to_advance(idle_ms bigint, most integer) RETURNS TABLE (id uuid, tenant_id uuid, state text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT j.id, j.tenant_id, j.state FROM jobs j
   WHERE (j.state = 'ingesting'
          AND coalesce((j.checkpoint ->> 'at')::timestamptz, j.created_at) < now() - idle_ms * interval '1 millisecond')
      OR (j.state IN ('running', 'finalising')
          AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.job_id = j.id AND c.state <> 'done'))
   ORDER BY j.id LIMIT most
$$;

ALTER FUNCTION tenants_to_start(jsonb, integer) OWNER TO definer;
REVOKE ALL ON FUNCTION start_jobs(jsonb), tenants_to_start(jsonb, integer), pause_job(uuid), keep_ingesting(uuid),
  close_job(uuid, text), cancel_job(uuid, jsonb), waiting_state(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION start_jobs(jsonb), pause_job(uuid), keep_ingesting(uuid), close_job(uuid, text),
  cancel_job(uuid, jsonb) TO app;
GRANT EXECUTE ON FUNCTION tenants_to_start(jsonb, integer) TO dispatcher;
GRANT EXECUTE ON FUNCTION waiting_state(uuid) TO definer;
