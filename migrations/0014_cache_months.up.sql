-- Rows are looked up in the months that can have an answer, and not in those that are still to come.
CREATE OR REPLACE FUNCTION answer_known(job uuid, kept jsonb) RETURNS integer
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE j jobs%ROWTYPE; days numeric; seconds jsonb; oldest uuid; newest uuid; answered integer;
BEGIN
  SELECT * INTO j FROM jobs WHERE jobs.id = job AND jobs.state = 'ingesting' AND jobs.ingested;
  IF NOT FOUND OR j.mode <> 'full' OR coalesce((j.options ->> 'fresh')::boolean, false) THEN
    RETURN 0;
  END IF;
  SELECT coalesce((t.options ->> 'cache_days')::numeric, 7) INTO days FROM tenants t WHERE t.id = j.tenant_id;
  IF coalesce(days, 0) <= 0 OR NOT EXISTS (SELECT 1 FROM usage_records u WHERE u.tenant_id = j.tenant_id AND u.ref <> job) THEN
    RETURN 0;
  END IF;
  SELECT jsonb_object_agg(e.key, CASE WHEN e.value::numeric >= 604800 THEN days * 86400 ELSE least(e.value::numeric, days * 86400) END)
    INTO seconds FROM jsonb_each_text(kept) e;
  -- A verdict lies in the month in which its list was made, and a list may have taken a month.
  oldest := uuidv7_floor(now() - days * interval '1 day' - interval '31 days');
  newest := uuidv7_floor(now() + interval '1 day');

  WITH known AS MATERIALIZED (
    SELECT i.row_no, i.email, k.*
      FROM job_items i
      CROSS JOIN LATERAL (
        SELECT v.email_hash, v.status, v.reason, v.score, v.detail, v.checked_at FROM verdicts v
         WHERE v.tenant_id = j.tenant_id AND v.email_hash = email_hash(i.email) AND v.job_id >= oldest AND v.job_id < newest
           AND v.source IN ('probe', 'cache')
           AND v.checked_at > now() - (seconds ->> v.reason)::numeric * interval '1 second'
           AND v.detail -> 'flags' ->> 'role' IS DISTINCT FROM 'true'
           AND NOT EXISTS (SELECT 1 FROM cache_marks m WHERE m.tenant_id = j.tenant_id AND m.at >= v.checked_at
                              AND (m.kind, m.value) IN (('all', ''), ('domain', i.domain), ('email', encode(v.email_hash, 'hex'))))
         ORDER BY v.checked_at DESC LIMIT 1) k
     WHERE i.job_id = job AND NOT i.decided AND i.dup_of IS NULL AND i.allow_rule IS NULL
  ), put AS (
    INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
    SELECT job, row_no, j.tenant_id, email, email_hash, status, reason, score, (detail::jsonb || '{"cached": true}')::json,
           'cache', j.key_id, checked_at
      FROM known
  ), marked AS (
    UPDATE job_items i SET decided = true FROM known WHERE i.job_id = job AND i.row_no = known.row_no RETURNING 1
  )
  SELECT count(*) INTO answered FROM marked;
  RETURN answered;
END $$;
