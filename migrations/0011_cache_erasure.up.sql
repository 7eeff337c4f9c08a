-- What a tenant knows already, and how it is forgotten: cached answers for lists, erasure of addresses.

-- Answers before `at` no longer count: all of the tenant, those of a domain, or those of an address (its hash in hex).
CREATE TABLE cache_marks (
  tenant_id  uuid NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('all', 'domain', 'email')),
  value      text NOT NULL DEFAULT '',
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, kind, value)
);
ALTER TABLE cache_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE cache_marks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON cache_marks TO app USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE POLICY definer_all ON cache_marks TO definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON cache_marks TO app;
GRANT SELECT ON cache_marks TO definer;

-- The address of a row was erased: its verdict still counts, and no export shows the row.
ALTER TABLE job_items ADD COLUMN erased boolean NOT NULL DEFAULT false;
CREATE POLICY definer_all ON job_items TO definer USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON job_items TO definer;
GRANT UPDATE ON events TO definer;
GRANT UPDATE (options, source_key) ON jobs TO definer;

-- ---------------------------------------------------------------- the cache, for lists

-- Answers the rows of a list that the tenant's own verdicts answer. `kept` is {reason: seconds} for which a verdict
-- holds; those of a week follow the tenant's setting, and none outlives it. One look-up by index for each row, however
-- much the tenant has verified. Not answered: rows under an allow rule and role addresses (an option decides about
-- them), verdicts that nobody was asked for, and all of a list that wants fresh answers. Returns how many it answered.
CREATE FUNCTION answer_known(job uuid, kept jsonb) RETURNS integer
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE j jobs%ROWTYPE; days numeric; seconds jsonb; oldest uuid; answered integer;
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

  WITH known AS MATERIALIZED (
    SELECT i.row_no, i.email, k.*
      FROM job_items i
      CROSS JOIN LATERAL (
        SELECT v.email_hash, v.status, v.reason, v.score, v.detail, v.checked_at FROM verdicts v
         WHERE v.tenant_id = j.tenant_id AND v.email_hash = email_hash(i.email) AND v.job_id >= oldest
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

-- ---------------------------------------------------------------- erasure

-- Takes the address and what tells of it out of verdicts that have an owner: status, reason and score stay, so that
-- counts, bills and comparisons do.
CREATE FUNCTION blank_detail(detail json) RETURNS json
  LANGUAGE sql STABLE PARALLEL SAFE SET search_path = public, pg_temp
AS $$
  SELECT json_build_object('reasons', detail -> 'reasons', 'rating', detail -> 'rating', 'score_version', detail -> 'score_version')
$$;

-- Erases rows of an ended job of the transaction's tenant, by what was found and when. Returns how many.
CREATE FUNCTION erase_results(job uuid, statuses text[], why text[], before timestamptz) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE erased_rows integer;
BEGIN
  PERFORM 1 FROM jobs j WHERE j.id = job AND j.tenant_id = current_tenant() AND j.state IN ('completed', 'cancelled', 'failed') FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  WITH gone AS (
    UPDATE verdicts v SET email = '', email_hash = '\x', detail = blank_detail(v.detail)
     WHERE v.job_id = job AND v.tenant_id = current_tenant() AND octet_length(v.email_hash) > 0
       AND (statuses IS NULL OR v.status = ANY (statuses)) AND (why IS NULL OR v.reason = ANY (why))
       AND (before IS NULL OR v.checked_at < before)
    RETURNING v.item_no
  ), rows_gone AS (
    UPDATE job_items i SET email = '', domain = NULL, dedupe = '\x', allow_rule = NULL, erased = true
      FROM gone WHERE i.job_id = job AND i.row_no = gone.item_no
  )
  SELECT count(*) INTO erased_rows FROM gone;
  UPDATE jobs j SET options = j.options || '{"erased": true}' WHERE j.id = job AND erased_rows > 0;
  RETURN erased_rows;
END $$;

-- Erases an address (whatever its case) of the transaction's tenant: from verdicts, lists and their open chunks, and from
-- events. A row that was open ends as unknown, not_checked, unbilled. Lists that held it lose their uploaded original;
-- `objects` names what is to be deleted from storage. Returns {verdicts, rows, open, events, objects, reading}: `reading`
-- counts lists that are being taken in and may still bring it.
CREATE FUNCTION erase_address(address text, blank jsonb) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  t uuid := current_tenant();
  h bytea := email_hash(address);
  c chunks%ROWTYPE;
  touched jsonb := '[]';
  rows_open integer := 0; rows_gone integer; verdicts_gone integer; events_gone integer; being_read integer; objects jsonb;
BEGIN
  -- Nobody plans, cancels or ends a job of this tenant meanwhile.
  PERFORM 1 FROM jobs j WHERE j.tenant_id = t AND j.state IN ('queued', 'ingesting', 'running', 'paused', 'finalising') ORDER BY j.id FOR UPDATE;
  SELECT count(*) INTO being_read FROM jobs j
   WHERE j.tenant_id = t AND j.state IN ('queued', 'ingesting', 'paused') AND NOT j.ingested;

  FOR c IN SELECT * FROM chunks x WHERE x.tenant_id = t AND x.state <> 'done'
              AND EXISTS (SELECT 1 FROM jsonb_array_elements(x.items) i WHERE email_hash(i ->> 'email') = h) FOR UPDATE LOOP
    INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
      SELECT c.job_id, (i ->> 'n')::integer, t, '', '\x', 'unknown', 'not_checked', (blank ->> 'score')::smallint,
             (blank -> 'detail')::json, 'edge', c.key_id, now()
        FROM jsonb_array_elements(c.items) i WHERE email_hash(i ->> 'email') = h;
    -- The new ticket makes whoever has the chunk in hand drop it; the others of it are asked again.
    WITH stay AS (
      SELECT coalesce(jsonb_agg(i), '[]') AS items, count(*)::integer AS n
        FROM jsonb_array_elements(c.items) i WHERE email_hash(i ->> 'email') <> h
    )
    UPDATE chunks x SET items = stay.items, open_items = stay.n, settled = x.settled + x.open_items - stay.n,
           deferred = least(x.deferred, stay.n), ticket = gen_random_uuid(), out_at = NULL,
           counts = x.counts || jsonb_build_object('unknown', coalesce((x.counts ->> 'unknown')::integer, 0) + x.open_items - stay.n),
           state = CASE WHEN stay.n = 0 THEN 'done' WHEN x.state = 'out' THEN waiting_state(x.job_id) ELSE x.state END,
           done_at = CASE WHEN stay.n = 0 THEN now() END
      FROM stay WHERE x.id = c.id;
    rows_open := rows_open + 1;
  END LOOP;

  -- Rows of lists that are not planned yet, and rows that repeat an open one.
  WITH waiting AS (
    SELECT i.job_id, i.row_no, j.key_id, NOT j.checkpoint ? 'planned' AND NOT i.decided AS undecided
      FROM jobs j JOIN job_items i ON i.job_id = j.id
     WHERE j.tenant_id = t AND j.state IN ('queued', 'ingesting', 'running', 'paused', 'finalising') AND email_hash(i.email) = h
  ), ended AS (
    INSERT INTO verdicts (job_id, item_no, tenant_id, email, email_hash, status, reason, score, detail, source, key_id, checked_at)
    SELECT w.job_id, w.row_no, t, '', '\x', 'unknown', 'not_checked', (blank ->> 'score')::smallint,
           (blank -> 'detail')::json, 'edge', w.key_id, now() FROM waiting w WHERE w.undecided
  ), found AS (
    SELECT w.job_id, w.row_no FROM waiting w
    UNION SELECT v.job_id, v.item_no FROM verdicts v WHERE v.tenant_id = t AND v.email_hash = h
  ), blanked AS (
    UPDATE job_items i SET email = '', domain = NULL, allow_rule = NULL, erased = true,
           dedupe = decode(replace(gen_random_uuid()::text, '-', ''), 'hex'),
           decided = i.decided OR EXISTS (SELECT 1 FROM waiting w WHERE w.job_id = i.job_id AND w.row_no = i.row_no AND w.undecided)
      FROM found f WHERE i.job_id = f.job_id AND i.row_no = f.row_no AND i.tenant_id = t
    RETURNING i.job_id
  )
  SELECT count(*), coalesce(jsonb_agg(DISTINCT job_id), '[]') INTO rows_gone, touched FROM blanked;

  UPDATE verdicts v SET email = '', email_hash = '\x', detail = blank_detail(v.detail) WHERE v.tenant_id = t AND v.email_hash = h;
  GET DIAGNOSTICS verdicts_gone = ROW_COUNT;
  UPDATE events e SET payload = blank_event(e.payload)
   WHERE e.tenant_id = t AND e.type = 'verification.completed' AND email_hash(e.payload ->> 'email') = h;
  GET DIAGNOSTICS events_gone = ROW_COUNT;

  -- A list that is still being read keeps its original until it is.
  WITH held AS (
    SELECT j.id, j.source_key FROM jobs j
     WHERE j.tenant_id = t AND j.ingested AND j.id IN (SELECT x::uuid FROM jsonb_array_elements_text(touched) x)
  ), freed AS (
    UPDATE jobs j SET source_key = '', options = j.options || '{"dialect": null, "erased": true}' FROM held WHERE j.id = held.id
  )
  SELECT coalesce(jsonb_agg(source_key) FILTER (WHERE source_key <> ''), '[]') INTO objects FROM held;
  RETURN jsonb_build_object('verdicts', verdicts_gone, 'rows', rows_gone, 'open', rows_open, 'events', events_gone,
                            'lists', jsonb_array_length(touched), 'reading', being_read, 'objects', objects);
END $$;

-- An event without the address that it told of, nor what quotes it.
CREATE FUNCTION blank_event(payload jsonb) RETURNS jsonb
  LANGUAGE sql STABLE PARALLEL SAFE SET search_path = public, pg_temp
AS $$
  SELECT (payload - 'evidence' - 'did_you_mean' - 'mx') || '{"email": ""}'
$$;

-- ---------------------------------------------------------------- the key's snapshot tells what was invalidated

CREATE OR REPLACE FUNCTION key_snapshot(key_id text) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT jsonb_build_object(
    'id', k.id, 'tenant_id', k.tenant_id, 'mode', k.mode, 'secret_hash', encode(k.secret_hash, 'hex'),
    'scopes', k.scopes, 'ip_allow', k.ip_allow, 'expires_at', k.expires_at, 'revoked_at', k.revoked_at,
    'plan', t.plan, 'options', t.options, 'tenant_deleted_at', t.deleted_at,
    'rules', coalesce((SELECT jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'match', r.match, 'value', r.value) ORDER BY r.created_at, r.id)
                         FROM tenant_rules r WHERE r.tenant_id = t.id), '[]'::jsonb),
    -- Older marks have outlived every kept answer; of too many domains, the whole tenant's answers stop counting.
    'cache_marks', coalesce((SELECT CASE WHEN count(*) <= 200
                                THEN jsonb_agg(jsonb_build_object('kind', m.kind, 'value', m.value, 'at', m.at))
                                ELSE jsonb_build_array(jsonb_build_object('kind', 'all', 'value', '', 'at', max(m.at))) END
                         FROM cache_marks m
                        WHERE m.tenant_id = t.id AND m.kind <> 'email' AND m.at > now() - interval '31 days'), '[]'::jsonb))
    FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
   WHERE k.id = key_snapshot.key_id
$$;

DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['erase_results(uuid, text[], text[], timestamptz)', 'erase_address(text, jsonb)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO definer', f);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app', f);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION answer_known(uuid, jsonb), blank_detail(json), blank_event(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION answer_known(uuid, jsonb), uuidv7_floor(timestamptz) TO app;
GRANT EXECUTE ON FUNCTION blank_detail(json), blank_event(jsonb) TO definer;
