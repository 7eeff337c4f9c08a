-- Several regions and shards: where a domain is asked, chunks that move between regions, second opinions.

-- ---------------------------------------------------------------- shards

-- The shard of a domain: the first three bytes of its SHA-256. The edge finds the hub of a single check by the same rule
-- (edge/hub/shard.ts). STABLE as `convert_to` is, so that it is inlined.
CREATE FUNCTION hub_shard(domain text, shards integer) RETURNS integer
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$
  SELECT CASE WHEN shards = 1 THEN 0
              ELSE ('x00' || encode(substr(sha256(convert_to(domain, 'UTF8')), 1, 3), 'hex'))::bit(32)::integer % shards END
$$;

-- ---------------------------------------------------------------- what the sweep knows of the hubs

-- One row per hub, written each minute where there are several regions: who could take work from whom.
CREATE TABLE hub_loads (
  hub          text PRIMARY KEY,
  region       text NOT NULL,
  shard        integer NOT NULL,
  probes       integer NOT NULL,
  room         bigint NOT NULL, -- addresses that its probes can hold in bulk
  seen_at      timestamptz NOT NULL,
  empty_since  timestamptz      -- null while it has a probe
);

-- Takes in [{hub, region, shard, probes, room}] and returns the same with how long each hub has been without probes and
-- how many chunks are due there, counted up to `count_max`. Hubs not heard of for a day are forgotten.
CREATE FUNCTION report_hubs(loads jsonb, count_max integer)
  RETURNS TABLE (hub text, region text, shard integer, probes integer, room bigint, empty_ms bigint, due integer)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  DELETE FROM hub_loads WHERE seen_at < now() - interval '1 day';
  INSERT INTO hub_loads AS h (hub, region, shard, probes, room, seen_at, empty_since)
    SELECT l.hub, l.region, l.shard, l.probes, l.room, now(), CASE WHEN l.probes = 0 THEN now() END
      FROM jsonb_to_recordset(loads) AS l (hub text, region text, shard integer, probes integer, room bigint)
     ORDER BY l.hub
    ON CONFLICT (hub) DO UPDATE SET probes = excluded.probes, room = excluded.room, seen_at = excluded.seen_at,
           empty_since = CASE WHEN excluded.probes = 0 THEN coalesce(h.empty_since, excluded.empty_since) END;
  RETURN QUERY
    SELECT h.hub, h.region, h.shard, h.probes, h.room,
           coalesce((extract(epoch FROM now() - h.empty_since) * 1000)::bigint, 0),
           (SELECT count(*)::integer FROM (
              SELECT 1 FROM chunks c WHERE c.state = 'planned' AND c.hub = h.hub AND c.not_before <= now() LIMIT count_max) d)
      FROM hub_loads h WHERE h.hub IN (SELECT l ->> 'hub' FROM jsonb_array_elements(loads) l)
     ORDER BY h.hub;
END $$;

-- Moves planned chunks from one hub to another, urgent lanes first. What is out stays with its hub. Deferred items wait
-- for the source address that asked before; they move only `sticky_ms` after they were due, and start over there.
CREATE FUNCTION move_chunks(from_hub text, to_hub text, most integer, sticky_ms bigint) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH leaving AS (
    SELECT c.id FROM chunks c
     WHERE c.state = 'planned' AND c.hub = from_hub
       AND (c.sticky IS NULL OR c.not_before < now() - sticky_ms * interval '1 millisecond')
     ORDER BY c.lane, c.tenant_id, c.not_before LIMIT most FOR UPDATE SKIP LOCKED
  ), moved AS (
    UPDATE chunks c SET hub = to_hub, sticky = NULL FROM leaving l WHERE c.id = l.id RETURNING 1)
  SELECT count(*)::integer FROM moved
$$;

-- ---------------------------------------------------------------- second opinions

-- Another network is asked at most once per domain and (UTC) day, whoever asks. Returns those of `domains` that this
-- call may ask for, and remembers that it does.
CREATE FUNCTION claim_opinions(domains text[], from_region text) RETURNS SETOF text
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  INSERT INTO domain_facts AS f (domain, fact, value, confidence, learned_at, expires_at)
    SELECT d, 'second_opinion', from_region, 1, now(),
           (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'
      FROM (SELECT DISTINCT u AS d FROM unnest(domains) u ORDER BY 1) x
  ON CONFLICT (domain, host, fact) DO UPDATE
     SET value = excluded.value, learned_at = excluded.learned_at, expires_at = excluded.expires_at
   WHERE f.expires_at <= now()
  RETURNING f.domain
$$;

-- The hub of another region that takes over what this one wants a second opinion on: same shard, lately seen with
-- probes. Null where there is none.
CREATE FUNCTION other_hub(own_hub text) RETURNS text
  LANGUAGE sql STABLE SET search_path = public, pg_temp
AS $$
  SELECT l.hub FROM hub_loads l
   WHERE l.region <> split_part(own_hub, ':', 2) AND l.probes > 0 AND l.seen_at > now() - interval '3 minutes'
   ORDER BY l.shard::text = split_part(own_hub, ':', 3) DESC, l.probes DESC, l.hub LIMIT 1
$$;

-- Settles the end of a chunk (see `settle`) of which some items may be asked from another network instead. `opinions`
-- is [{item, domain, result, rest}]: the item to ask about there, and what holds of it if nobody is asked: its result,
-- or the item as it is to be asked again here. Of each domain all or none go. Items that leave do so in a chunk of their
-- own, or with this one if nothing else is left of it; in either case in this transaction and under this ticket.
CREATE FUNCTION settle_asking(chunk uuid, held_ticket uuid, results json, rest jsonb, again_at timestamptz,
                              keep_sticky jsonb, opinions json)
  RETURNS TABLE (outcome text, drained boolean, job uuid, elsewhere integer)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  c chunks%ROWTYPE;
  target text;
  region text;
  granted text[] := '{}';
  leaving jsonb;
  leaving_count integer;
  leaving_at timestamptz;
  known integer;
  others integer;
  here_at timestamptz;
BEGIN
  -- The job first, as whoever pauses or cancels it does: the new chunk must not come about behind their back.
  PERFORM 1 FROM jobs WHERE jobs.id = (SELECT k.job_id FROM chunks k WHERE k.id = chunk) FOR SHARE;
  SELECT * INTO c FROM chunks WHERE chunks.id = chunk AND chunks.ticket = held_ticket AND chunks.state = 'out' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'stale'::text, false, NULL::uuid, 0;
    RETURN;
  END IF;
  SELECT count(*) INTO known
    FROM json_to_recordset(opinions) AS o (item jsonb)
    JOIN jsonb_array_elements(c.items) AS i ON i -> 'n' = o.item -> 'n';
  IF known <> json_array_length(opinions) THEN
    RAISE EXCEPTION 'settle: opinions on items that are not open in chunk %', chunk USING ERRCODE = 'MS001';
  END IF;

  target := other_hub(c.hub);
  region := split_part(c.hub, ':', 2);
  IF target IS NOT NULL THEN
    granted := ARRAY(SELECT claim_opinions(ARRAY(SELECT o.domain FROM json_to_recordset(opinions) AS o (domain text)), region));
  END IF;
  SELECT jsonb_agg(o.item || jsonb_build_object('email', i -> 'email', 'asked', jsonb_build_array(region))
                   ORDER BY (i ->> 'n')::integer),
         count(*), to_timestamp(min((o.item ->> 'due')::double precision) / 1000)
    INTO leaving, leaving_count, leaving_at
    FROM json_to_recordset(opinions) AS o (item jsonb, domain text)
    JOIN jsonb_array_elements(c.items) AS i ON i -> 'n' = o.item -> 'n'
   WHERE o.domain = ANY (granted);
  leaving_at := greatest(leaving_at, now());

  IF leaving_count > 0 AND leaving_count = c.open_items THEN
    IF json_array_length(results) > 0 THEN
      RAISE EXCEPTION 'settle: both a result and an opinion in chunk %', chunk USING ERRCODE = 'MS001';
    END IF;
    UPDATE chunks SET hub = target, state = waiting_state(c.job_id), ticket = gen_random_uuid(), out_at = NULL,
           not_before = leaving_at, sticky = NULL, items = leaving, deferred = leaving_count
     WHERE chunks.id = chunk;
    RETURN QUERY SELECT 'rest'::text, false, CASE WHEN c.kind = 'job' THEN c.job_id END, leaving_count;
    RETURN;
  END IF;
  IF leaving_count > 0 THEN
    INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, state, not_before, domain, options, items, open_items,
                        deferred, key_id, trace_id)
      VALUES (gen_random_uuid(), c.tenant_id, c.job_id, c.kind, target, c.lane, waiting_state(c.job_id), leaving_at,
              c.domain, c.options, leaving, leaving_count, leaving_count, c.key_id, c.trace_id);
    UPDATE chunks SET open_items = c.open_items - leaving_count,
           items = (SELECT coalesce(jsonb_agg(i ORDER BY (i ->> 'n')::integer), '[]') FROM jsonb_array_elements(c.items) i
                     WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(leaving) l WHERE l -> 'n' = i -> 'n'))
     WHERE chunks.id = chunk;
  END IF;

  -- What stays: open items of the caller's are due at `again_at`, those of which nobody else is asked at their own time.
  others := c.open_items - json_array_length(results) - json_array_length(opinions);
  SELECT to_timestamp(min((o.rest ->> 'due')::double precision) / 1000) INTO here_at
    FROM json_to_recordset(opinions) AS o (domain text, rest jsonb) WHERE o.domain <> ALL (granted);
  here_at := least(CASE WHEN others > 0 THEN coalesce(again_at, now()) END, here_at);
  RETURN QUERY
    SELECT s.outcome, s.drained, s.job, leaving_count FROM settle(chunk, held_ticket,
      (SELECT coalesce(json_agg(r), '[]') FROM (
         SELECT r FROM json_array_elements(results) r
         UNION ALL
         SELECT o.result FROM json_to_recordset(opinions) AS o (domain text, result json)
          WHERE o.domain <> ALL (granted) AND json_typeof(o.result) = 'object') x),
      (SELECT coalesce(jsonb_agg(r), '[]') FROM (
         SELECT r FROM jsonb_array_elements(rest) r
         UNION ALL
         SELECT o.rest FROM json_to_recordset(opinions) AS o (domain text, rest jsonb)
          WHERE o.domain <> ALL (granted) AND jsonb_typeof(o.rest) = 'object') x),
      false, here_at, keep_sticky) s;
END $$;

DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['report_hubs(jsonb, integer)', 'move_chunks(text, text, integer, bigint)',
    'claim_opinions(text[], text)', 'settle_asking(uuid, uuid, json, jsonb, timestamptz, jsonb, json)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO definer', f);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION hub_shard(text, integer), other_hub(text) FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON hub_loads TO definer;
GRANT SELECT, INSERT, UPDATE ON domain_facts TO definer;
GRANT INSERT ON chunks TO definer;
GRANT UPDATE (trace_id) ON jobs TO definer; -- what FOR SHARE asks for; nothing is written
GRANT EXECUTE ON FUNCTION other_hub(text) TO definer;
GRANT EXECUTE ON FUNCTION hub_shard(text, integer) TO app;
GRANT EXECUTE ON FUNCTION report_hubs(jsonb, integer), move_chunks(text, text, integer, bigint),
  claim_opinions(text[], text) TO dispatcher;
GRANT EXECUTE ON FUNCTION settle_asking(uuid, uuid, json, jsonb, timestamptz, jsonb, json) TO probe;
