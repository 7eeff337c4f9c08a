-- What a hub needs beside `refill`: to give back what it lost, and to know when to look again.

-- Plans chunks again that this hub took and lost (a lease lapsed, a probe vanished). Parts settled meanwhile have
-- rotated the ticket, so the hub cannot name it; being the chunk's hub is its authority. Done and planned chunks stay.
CREATE FUNCTION reclaim(for_hub text, lost jsonb, after_ms bigint) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH moved AS (
    UPDATE chunks c SET state = 'planned', ticket = gen_random_uuid(), out_at = NULL,
           not_before = now() + after_ms * interval '1 millisecond'
     WHERE c.id IN (SELECT l::uuid FROM jsonb_array_elements_text(lost) l) AND c.hub = for_hub AND c.state = 'out'
    RETURNING 1)
  SELECT count(*)::integer FROM moved
$$;

-- When the next planned chunk of a hub is due; null when none is planned. A loose scan over lanes and tenants, each of
-- which has its earliest chunk first in the index.
CREATE FUNCTION next_due(for_hub text) RETURNS timestamptz
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH RECURSIVE heads AS (
    (SELECT c.lane, c.tenant_id, c.not_before FROM chunks c
      WHERE c.state = 'planned' AND c.hub = for_hub ORDER BY c.lane, c.tenant_id, c.not_before LIMIT 1)
    UNION ALL
    SELECT n.lane, n.tenant_id, n.not_before FROM heads h
     CROSS JOIN LATERAL (
       SELECT c.lane, c.tenant_id, c.not_before FROM chunks c
        WHERE c.state = 'planned' AND c.hub = for_hub AND (c.lane, c.tenant_id) > (h.lane, h.tenant_id)
        ORDER BY c.lane, c.tenant_id, c.not_before LIMIT 1) n
  )
  SELECT min(not_before) FROM heads
$$;

ALTER FUNCTION reclaim(text, jsonb, bigint) OWNER TO definer;
ALTER FUNCTION next_due(text) OWNER TO definer;
REVOKE ALL ON FUNCTION reclaim(text, jsonb, bigint), next_due(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reclaim(text, jsonb, bigint), next_due(text) TO dispatcher;
