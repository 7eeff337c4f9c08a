-- The functions through which everything but the API reaches the work list. SECURITY DEFINER ones belong to
-- `definer`, which has no login and does not bypass row-level security: explicit policies let it through.

-- ---------------------------------------------------------------- partitions of verdicts

ALTER TABLE verdicts OWNER TO definer;

-- Makes the monthly partitions from the month of `from_at` on, `months` of them. Safe to repeat and to race.
CREATE FUNCTION ensure_verdict_partitions(from_at timestamptz, months integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
  lower_at timestamptz := date_trunc('month', from_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
  upper_at timestamptz;
  part text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('ensure_verdict_partitions'));
  FOR i IN 1..least(months, 60) LOOP
    upper_at := ((lower_at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    part := 'verdicts_' || to_char(lower_at AT TIME ZONE 'UTC', 'YYYYMM');
    IF to_regclass(part) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF verdicts FOR VALUES FROM (%L) TO (%L)',
                     part, uuidv7_floor(lower_at), uuidv7_floor(upper_at));
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
      EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
      EXECUTE format('CREATE POLICY tenant_isolation ON %I TO app USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()))', part);
      EXECUTE format('CREATE POLICY definer_all ON %I TO definer USING (true) WITH CHECK (true)', part);
      made := made + 1;
    END IF;
    lower_at := upper_at;
  END LOOP;
  RETURN made;
END $$;

-- ---------------------------------------------------------------- identity

-- What the edge needs to admit a caller by key id; null when there is no such key.
CREATE FUNCTION key_snapshot(key_id text) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT jsonb_build_object(
    'id', k.id, 'tenant_id', k.tenant_id, 'mode', k.mode, 'secret_hash', encode(k.secret_hash, 'hex'),
    'scopes', k.scopes, 'ip_allow', k.ip_allow, 'expires_at', k.expires_at, 'revoked_at', k.revoked_at,
    'plan', t.plan, 'options', t.options, 'tenant_deleted_at', t.deleted_at,
    'rules', coalesce((SELECT jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'match', r.match, 'value', r.value) ORDER BY r.created_at, r.id)
                         FROM tenant_rules r WHERE r.tenant_id = t.id), '[]'::jsonb))
    FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
   WHERE k.id = key_snapshot.key_id
$$;

-- What the hub's door needs to admit a probe; null when there is no such credential.
CREATE FUNCTION probe_credential(probe_id text) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT jsonb_build_object('id', id, 'region', region, 'secret_hash', encode(secret_hash, 'hex'), 'revoked_at', revoked_at)
    FROM probe_credentials WHERE id = probe_id
$$;

-- ---------------------------------------------------------------- events

-- Writes an event and a delivery for each endpoint that wants it, in the caller's transaction.
CREATE FUNCTION raise_event(for_tenant uuid, event_type text, body jsonb, trace text) RETURNS uuid
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
DECLARE event uuid := gen_random_uuid();
BEGIN
  INSERT INTO events (id, tenant_id, type, payload, trace_id) VALUES (event, for_tenant, event_type, body, trace);
  INSERT INTO deliveries (id, tenant_id, event_id, endpoint_id)
    SELECT gen_random_uuid(), for_tenant, event, e.id FROM webhook_endpoints e
     WHERE e.tenant_id = for_tenant AND e.state = 'active' AND event_type = ANY (e.event_types);
  RETURN event;
END $$;

-- ---------------------------------------------------------------- work list

-- Takes due chunks for a hub, at most `per_tenant` of each tenant and lane and about `room` addresses in all (the last
-- chunk may exceed it), urgent lanes first. Tenants are served in turn, one chunk each before anybody's second, and the
-- turn goes on where the last call left it. Each chunk leaves with a new ticket, which kills whatever held the old one.
CREATE FUNCTION refill(for_hub text, room integer, per_tenant integer)
  RETURNS TABLE (id uuid, ticket uuid, tenant_id uuid, job_id uuid, kind text, lane smallint, domain text,
                 options jsonb, sticky jsonb, items jsonb, open_items integer, trace_id text)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  left_over integer := room;
  one_lane smallint;
  turn_after uuid;
  last_served uuid;
  taken uuid[];
BEGIN
  FOR one_lane IN SELECT generate_series(0, 3)::smallint LOOP
    EXIT WHEN left_over <= 0;
    turn_after := coalesce((SELECT h.after_tenant FROM hub_turns h WHERE h.hub = for_hub AND h.lane = one_lane),
                           '00000000-0000-0000-0000-000000000000');
    -- A loose index scan: one look-up per tenant that has planned chunks, however many chunks there are. It begins
    -- after the tenant served last, goes round once and looks at 500 tenants at most; the next call goes on there.
    WITH RECURSIVE ahead AS (
      (SELECT c.tenant_id, 1 AS place FROM chunks c
        WHERE c.state = 'planned' AND c.hub = for_hub AND c.lane = one_lane AND c.tenant_id > turn_after
        ORDER BY c.tenant_id LIMIT 1)
      UNION ALL
      SELECT (SELECT c.tenant_id FROM chunks c
               WHERE c.state = 'planned' AND c.hub = for_hub AND c.lane = one_lane AND c.tenant_id > a.tenant_id
               ORDER BY c.tenant_id LIMIT 1), a.place + 1
        FROM ahead a WHERE a.tenant_id IS NOT NULL
    ), behind AS (
      (SELECT c.tenant_id, 1 AS place FROM chunks c
        WHERE c.state = 'planned' AND c.hub = for_hub AND c.lane = one_lane AND c.tenant_id <= turn_after
        ORDER BY c.tenant_id LIMIT 1)
      UNION ALL
      SELECT (SELECT c.tenant_id FROM chunks c
               WHERE c.state = 'planned' AND c.hub = for_hub AND c.lane = one_lane
                 AND c.tenant_id > b.tenant_id AND c.tenant_id <= turn_after
               ORDER BY c.tenant_id LIMIT 1), b.place + 1
        FROM behind b WHERE b.tenant_id IS NOT NULL
    ), line AS MATERIALIZED (
      SELECT round.* FROM (
        SELECT a.tenant_id, 0 AS lap, a.place FROM ahead a WHERE a.tenant_id IS NOT NULL
        UNION ALL
        SELECT b.tenant_id, 1, b.place FROM behind b WHERE b.tenant_id IS NOT NULL) round
      LIMIT 500
    ), due AS MATERIALIZED (
      SELECT d.id, d.open_items, l.tenant_id, row_number() OVER (ORDER BY d.turn, l.lap, l.place) AS seq
        FROM line l
        CROSS JOIN LATERAL (
          SELECT p.id, p.open_items, row_number() OVER () AS turn FROM (
            SELECT c.id, c.open_items FROM chunks c
             WHERE c.state = 'planned' AND c.hub = for_hub AND c.lane = one_lane
               AND c.tenant_id = l.tenant_id AND c.not_before <= now()
             ORDER BY c.not_before LIMIT per_tenant FOR UPDATE SKIP LOCKED) p
        ) d
    ), fitting AS (
      SELECT f.* FROM (SELECT due.*, sum(due.open_items) OVER (ORDER BY due.seq) - due.open_items AS before FROM due) f
       WHERE f.before < left_over
    )
    SELECT array_agg(f.id ORDER BY f.seq),
           coalesce((array_agg(f.tenant_id ORDER BY f.seq DESC))[1],
                    (SELECT l.tenant_id FROM line l ORDER BY l.lap DESC, l.place DESC LIMIT 1)),
           left_over - coalesce(sum(f.open_items), 0)
      INTO taken, last_served, left_over
      FROM fitting f;
    IF last_served IS NOT NULL THEN
      INSERT INTO hub_turns AS h (hub, lane, after_tenant) VALUES (for_hub, one_lane, last_served)
        ON CONFLICT (hub, lane) DO UPDATE SET after_tenant = excluded.after_tenant;
    END IF;
    RETURN QUERY
      WITH leaving AS (
        UPDATE chunks c SET state = 'out', ticket = gen_random_uuid(), out_at = now()
         WHERE c.id = ANY (taken) RETURNING c.*)
      SELECT l.id, l.ticket, l.tenant_id, l.job_id, l.kind, l.lane, l.domain, l.options, l.sticky, l.items, l.open_items,
             l.trace_id
        FROM leaving l ORDER BY array_position(taken, l.id);
  END LOOP;
END $$;

-- Settles what a probe found for a chunk. `results` is [{n, status, reason, score, detail, checked_at}]; `rest` is
-- ChunkItem[] with news about items that stay open. The ticket decides: with an old one nothing happens (outcome
-- 'stale'). Items with neither a result nor a rest stay open as they were. With `hold` the chunk stays with the probe
-- under a new ticket (a part); without it, open items are planned again at `again_at`. Tenant, job and address of a
-- verdict come from the chunk, never from the caller. `drained` is a hint: two chunks that end a job at the same moment
-- do not see each other, and then the sweep finds the job (jobs_to_advance).
CREATE FUNCTION settle(chunk uuid, held_ticket uuid, results json, rest jsonb, hold boolean,
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

-- A late real-time check has its verdict: count it, bill it once, tell the tenant. Same transaction as the verdict.
CREATE FUNCTION settle_check(for_tenant uuid, check_id uuid, by_key text, trace text) RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
DECLARE v verdicts%ROWTYPE; cost integer;
BEGIN
  SELECT * INTO STRICT v FROM verdicts WHERE verdicts.job_id = check_id AND verdicts.item_no = 0;
  cost := CASE WHEN v.status = 'unknown' THEN 0 ELSE 1 END;
  INSERT INTO usage_records (tenant_id, ref, day, key_id, endpoint, emails, billable, smtp_checks)
    VALUES (for_tenant, check_id, (now() AT TIME ZONE 'UTC')::date, by_key, 'verify', 1, cost, 1);
  INSERT INTO credit_ledger (tenant_id, kind, amount, ref) VALUES (for_tenant, 'settle', cost, check_id);
  PERFORM raise_event(for_tenant, 'verification.completed',
    jsonb_build_object('id', check_id, 'email', v.email, 'status', v.status, 'reason', v.reason, 'score', v.score,
      'checked_at', to_char(v.checked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) || v.detail::jsonb, trace);
END $$;

-- Hubs that have something due.
CREATE FUNCTION due_hubs() RETURNS TABLE (hub text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH RECURSIVE hubs AS (
    (SELECT c.hub FROM chunks c WHERE c.state = 'planned' ORDER BY c.hub LIMIT 1)
    UNION ALL
    SELECT (SELECT c.hub FROM chunks c WHERE c.state = 'planned' AND c.hub > h.hub ORDER BY c.hub LIMIT 1)
      FROM hubs h WHERE h.hub IS NOT NULL
  )
  SELECT h.hub FROM hubs h
   WHERE h.hub IS NOT NULL
     AND EXISTS (SELECT 1 FROM chunks c WHERE c.state = 'planned' AND c.hub = h.hub AND c.not_before <= now())
$$;

-- Chunks out for longer than `older_than_ms`: their hub is asked whether it still knows them.
CREATE FUNCTION stale_chunks(older_than_ms bigint, most integer) RETURNS TABLE (id uuid, hub text, ticket uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT c.id, c.hub, c.ticket FROM chunks c
   WHERE c.state = 'out' AND c.out_at < now() - older_than_ms * interval '1 millisecond'
   ORDER BY c.out_at LIMIT most
$$;

-- Plans chunks again whose hub no longer knows them. The ticket the caller saw must still be the chunk's.
CREATE FUNCTION replan(lost jsonb) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH moved AS (
    UPDATE chunks c SET state = 'planned', ticket = gen_random_uuid(), not_before = now(), out_at = NULL
      FROM jsonb_to_recordset(lost) AS l (id uuid, ticket uuid)
     WHERE c.id = l.id AND c.ticket = l.ticket AND c.state = 'out'
    RETURNING 1)
  SELECT count(*)::integer FROM moved
$$;

-- Jobs that wait for a step of the edge: stuck in ingest, or without an open chunk.
CREATE FUNCTION jobs_to_advance(idle_ms bigint, most integer) RETURNS TABLE (id uuid, tenant_id uuid, state text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT j.id, j.tenant_id, j.state FROM jobs j
   WHERE (j.state IN ('queued', 'ingesting')
          AND coalesce((j.checkpoint ->> 'at')::timestamptz, j.created_at) < now() - idle_ms * interval '1 millisecond')
      OR (j.state IN ('running', 'finalising')
          AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.job_id = j.id AND c.state <> 'done'))
   ORDER BY j.id LIMIT most
$$;

-- ---------------------------------------------------------------- the end of a job (runs in tenant context)

-- Ends a job without open chunks: duplicates get their verdicts, the truth is counted from the verdict rows,
-- the hold is settled and released, the event is raised. True when this call ended it. Without nested loops: a million
-- rows staged and settled within the minute have no statistics yet, and a plan made for a handful takes hours.
CREATE FUNCTION finalise_job(job uuid) RETURNS boolean
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

-- ---------------------------------------------------------------- the courier

-- Claims due deliveries: per active endpoint at most `cap` minus what is in flight there, at most `most` in all.
-- `in_flight` is {endpoint_id: n}. Claimed ones are hidden for `lease_ms`; a courier that dies loses nothing.
CREATE FUNCTION claim_deliveries(cap integer, most integer, lease_ms bigint, in_flight jsonb)
  RETURNS TABLE (id uuid, tenant_id uuid, endpoint_id uuid, event_id uuid, attempts integer, url text, secrets jsonb,
                 type text, payload jsonb, trace_id text, event_at timestamptz, delivery_at timestamptz)
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH RECURSIVE waiting AS (
    (SELECT d.endpoint_id FROM deliveries d WHERE d.state = 'pending' ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM deliveries d WHERE d.state = 'pending' AND d.endpoint_id > w.endpoint_id
             ORDER BY d.endpoint_id LIMIT 1)
      FROM waiting w WHERE w.endpoint_id IS NOT NULL
  ), due AS (
    -- In random order: with `most` below what is due, the lowest ids would otherwise take every claim.
    SELECT c.id FROM (SELECT endpoint_id FROM waiting WHERE endpoint_id IS NOT NULL ORDER BY random()) w
      JOIN webhook_endpoints e ON e.id = w.endpoint_id AND e.state = 'active'
      CROSS JOIN LATERAL (
        SELECT d.id FROM deliveries d
         WHERE d.state = 'pending' AND d.endpoint_id = w.endpoint_id AND d.next_at <= now()
         ORDER BY d.next_at
         LIMIT greatest(cap - coalesce((in_flight ->> w.endpoint_id::text)::integer, 0), 0)
         FOR UPDATE SKIP LOCKED) c
     LIMIT most
  ), claimed AS (
    UPDATE deliveries d SET next_at = now() + lease_ms * interval '1 millisecond', attempts = d.attempts + 1
      FROM due WHERE d.id = due.id RETURNING d.*
  )
  SELECT c.id, c.tenant_id, c.endpoint_id, c.event_id, c.attempts, e.url, e.secrets, v.type, v.payload, v.trace_id, v.created_at, c.created_at
    FROM claimed c JOIN webhook_endpoints e ON e.id = c.endpoint_id JOIN events v ON v.id = c.event_id
$$;

-- Records what came of claimed deliveries, many at a time:
-- [{id, attempt_no, at, duration_ms, status_code, error, response, state, next_at}]. An outcome whose attempt number
-- is no longer the delivery's own (its lease ran out and another courier took it) is recorded, but moves no state.
CREATE FUNCTION record_attempts(outcomes jsonb) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH o AS (
    SELECT * FROM jsonb_to_recordset(outcomes) AS x (id uuid, attempt_no integer, at timestamptz, duration_ms integer,
      status_code integer, error text, response text, state text, next_at timestamptz)
  ), kept AS (
    INSERT INTO delivery_attempts (delivery_id, attempt_no, tenant_id, at, duration_ms, status_code, error, response)
    SELECT o.id, o.attempt_no, d.tenant_id, o.at, o.duration_ms, o.status_code, o.error, o.response
      FROM o JOIN deliveries d ON d.id = o.id
    ON CONFLICT (delivery_id, attempt_no) DO NOTHING
  ), moved AS (
    UPDATE deliveries d SET state = o.state, next_at = coalesce(o.next_at, d.next_at), last_status = o.status_code,
        last_error = o.error, finished_at = CASE WHEN o.state <> 'pending' THEN now() END
      FROM o WHERE d.id = o.id AND d.state = 'pending' AND d.attempts = o.attempt_no
    RETURNING 1
  )
  SELECT count(*)::integer FROM moved
$$;
