CREATE OR REPLACE FUNCTION close_job(job uuid, ended text) RETURNS void
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
