-- A third kind of trouble that means more when several networks have met it: a domain without MX whose own address resets
-- every connection.
CREATE OR REPLACE FUNCTION note_visits(reached text[], troubles jsonb, from_region text)
  RETURNS TABLE (domain text, fact text, visits integer, regions integer, age_ms bigint, elsewhere_ms bigint)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  DELETE FROM domain_facts f USING (
    SELECT d.ctid FROM domain_facts d
     WHERE d.domain = ANY (reached) AND d.fact IN ('unreachable', 'relay_denied', 'reset')
     ORDER BY d.domain, d.host, d.fact FOR UPDATE) gone
   WHERE f.ctid = gone.ctid;
  INSERT INTO domain_facts AS f (domain, host, fact, value, confidence, learned_at, expires_at)
    SELECT t.domain, from_region, t.fact, '1', 1, now(), now() + interval '14 days'
      FROM (SELECT DISTINCT x.domain, x.fact FROM jsonb_to_recordset(troubles) AS x (domain text, fact text)
             WHERE x.fact IN ('unreachable', 'relay_denied', 'reset') ORDER BY 1, 2) t
  ON CONFLICT (domain, host, fact) DO UPDATE
     SET value = CASE WHEN f.expires_at <= now() THEN '1' ELSE (f.value::integer + 1)::text END,
         learned_at = CASE WHEN f.expires_at <= now() THEN now() ELSE f.learned_at END,
         expires_at = excluded.expires_at
   WHERE f.expires_at <= now() + interval '14 days' - interval '1 hour';
  RETURN QUERY
    SELECT f.domain, f.fact, sum(f.value::integer)::integer, count(*)::integer,
           (extract(epoch FROM now() - min(f.learned_at)) * 1000)::bigint,
           (extract(epoch FROM now() - min(f.learned_at) FILTER (WHERE f.host <> from_region)) * 1000)::bigint
      FROM domain_facts f
      JOIN (SELECT DISTINCT x.domain, x.fact FROM jsonb_to_recordset(troubles) AS x (domain text, fact text)) t
        ON t.domain = f.domain AND t.fact = f.fact
     WHERE f.expires_at > now() AND f.fact IN ('unreachable', 'relay_denied', 'reset')
     GROUP BY f.domain, f.fact;
END $$;
