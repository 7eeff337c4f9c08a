-- Chunks that are held wait as planned ones do; jobs that are paused stay so, and nothing goes on with them.
UPDATE chunks SET state = 'planned' WHERE state = 'held';
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
      state = CASE WHEN remaining_count = 0 THEN 'done' WHEN hold THEN 'out' ELSE 'planned' END,
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
    UPDATE chunks c SET state = 'planned', ticket = gen_random_uuid(), not_before = now(), out_at = NULL
      FROM jsonb_to_recordset(lost) AS l (id uuid, ticket uuid)
     WHERE c.id = l.id AND c.ticket = l.ticket AND c.state = 'out'
    RETURNING 1)
  SELECT count(*)::integer FROM moved
$$;
CREATE OR REPLACE FUNCTION reclaim(for_hub text, lost jsonb, after_ms bigint) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH moved AS (
    UPDATE chunks c SET state = 'planned', ticket = gen_random_uuid(), out_at = NULL,
           not_before = now() + after_ms * interval '1 millisecond'
     WHERE c.id IN (SELECT l::uuid FROM jsonb_array_elements_text(lost) l) AND c.hub = for_hub AND c.state = 'out'
    RETURNING 1)
  SELECT count(*)::integer FROM moved
$$;
CREATE OR REPLACE FUNCTION jobs_to_advance(idle_ms bigint, most integer) RETURNS TABLE (id uuid, tenant_id uuid, state text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT j.id, j.tenant_id, j.state FROM jobs j
   WHERE (j.state IN ('queued', 'ingesting')
          AND coalesce((j.checkpoint ->> 'at')::timestamptz, j.created_at) < now() - idle_ms * interval '1 millisecond')
      OR (j.state IN ('running', 'finalising')
          AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.job_id = j.id AND c.state <> 'done'))
   ORDER BY j.id LIMIT most
$$;
CREATE OR REPLACE FUNCTION finalise_job(job uuid) RETURNS boolean
  LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE j jobs%ROWTYPE; held bigint; cost bigint; total bigint; smtp bigint; statuses jsonb; reasons jsonb;
BEGIN
  SELECT * INTO j FROM jobs WHERE jobs.id = job AND jobs.state IN ('running', 'finalising') FOR UPDATE;
  IF NOT FOUND OR EXISTS (SELECT 1 FROM chunks c WHERE c.job_id = job AND c.state <> 'done') THEN
    RETURN false;
  END IF;

  INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
    SELECT job, d.row_no, d.tenant_id, d.email, email_hash(d.email), v.status, v.reason, v.score, v.detail, 'duplicate', v.key_id, v.checked_at
      FROM job_items d JOIN verdicts v ON v.job_id = job AND v.item_no = d.dup_of
     WHERE d.job_id = job AND d.dup_of IS NOT NULL AND NOT d.decided;

  WITH kinds AS (
    SELECT v.status, v.reason, v.source, i.dup_of IS NULL AS first, count(*) AS n
      FROM verdicts v JOIN job_items i ON i.job_id = job AND i.row_no = v.item_no
     WHERE v.job_id = job GROUP BY 1, 2, 3, 4
  )
  SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE status <> 'unknown' AND first), 0),
         coalesce(sum(n) FILTER (WHERE source = 'probe'), 0),
         (SELECT coalesce(jsonb_object_agg(s, k), '{}') FROM (SELECT status, sum(n) FROM kinds GROUP BY 1) x (s, k)),
         (SELECT coalesce(jsonb_object_agg(s, k), '{}') FROM (SELECT reason, sum(n) FROM kinds GROUP BY 1) x (s, k))
    INTO total, cost, smtp, statuses, reasons
    FROM kinds;
  IF total <> j.staged_rows THEN
    RAISE EXCEPTION 'job % has % verdicts for % rows', job, total, j.staged_rows USING ERRCODE = 'MS002';
  END IF;

  SELECT coalesce(sum(amount), 0) INTO held FROM credit_ledger l WHERE l.tenant_id = j.tenant_id AND l.ref = job AND l.kind = 'hold';
  INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES (j.tenant_id, 'settle', cost, job);
  INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES (j.tenant_id, 'release', held, job);
  INSERT INTO usage_records (tenant_id, ref, day, key_id, endpoint, emails, billable, smtp_checks)
    VALUES (j.tenant_id, job, (now() AT TIME ZONE 'UTC')::date, j.key_id, 'jobs', total, cost, smtp);

  UPDATE jobs SET state = 'completed', finished_at = now(),
      summary = jsonb_build_object('total', total, 'duplicates', j.duplicates, 'billed', cost,
                                   'by_status', statuses, 'by_reason', reasons)
    WHERE jobs.id = job RETURNING * INTO j;
  PERFORM raise_event(j.tenant_id, 'job.completed',
    jsonb_build_object('id', j.id, 'name', j.name, 'state', j.state, 'summary', j.summary,
                       'created_at', j.created_at, 'finished_at', j.finished_at), j.trace_id);
  RETURN true;
END $$;

DROP FUNCTION start_jobs(jsonb), tenants_to_start(jsonb, integer), pause_job(uuid), keep_ingesting(uuid),
  cancel_job(uuid, jsonb), close_job(uuid, text), waiting_state(uuid);
ALTER TABLE usage_records DROP COLUMN cache_hits;
DROP TABLE job_domains;
ALTER TABLE chunks DROP CONSTRAINT chunks_state_check,
  ADD CONSTRAINT chunks_state_check CHECK (state IN ('planned', 'out', 'done'));
DROP INDEX jobs_active;
ALTER TABLE jobs DROP COLUMN tags, DROP COLUMN deleted_at;
