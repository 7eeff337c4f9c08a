-- Calls that may be sent again: what was answered under an Idempotency-Key, for a day.

CREATE TABLE idempotency_keys (
  tenant_id     uuid NOT NULL,
  key           text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  route         text NOT NULL,
  request_hash  bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  -- `open`: the call was refused and changed nothing, the key may be used for another.
  state         text NOT NULL CHECK (state IN ('started', 'done', 'open')),
  -- Id of what the call makes. Whoever runs the call again after a crash makes the same thing under the same id.
  resource_id   uuid NOT NULL,
  response      jsonb, -- {status, headers, body: sealed}
  locked_until  timestamptz NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_age ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON idempotency_keys TO app USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE POLICY definer_all ON idempotency_keys TO definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO app;
GRANT SELECT, DELETE ON idempotency_keys TO definer;

-- Claims a key for a call, in tenant context. outcome: run (under resource_id) | replay (response) | busy | mismatch.
-- A claim whose holder did not answer within `lock_ms` is taken over, under the id that its holder had.
CREATE FUNCTION claim_idempotency(for_key text, for_route text, hash bytea, fresh_id uuid, lock_ms bigint, ttl_ms bigint)
  RETURNS TABLE (outcome text, id uuid, response jsonb)
  LANGUAGE plpgsql SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  k idempotency_keys%ROWTYPE;
  until timestamptz := now() + lock_ms * interval '1 millisecond';
BEGIN
  INSERT INTO idempotency_keys (tenant_id, key, route, request_hash, state, resource_id, locked_until)
    VALUES (current_tenant(), for_key, for_route, hash, 'started', fresh_id, until) ON CONFLICT (tenant_id, key) DO NOTHING;
  IF FOUND THEN
    RETURN QUERY SELECT 'run'::text, fresh_id, NULL::jsonb;
    RETURN;
  END IF;
  SELECT * INTO STRICT k FROM idempotency_keys i WHERE i.tenant_id = current_tenant() AND i.key = for_key FOR UPDATE;
  IF k.state = 'open' OR k.created_at < now() - ttl_ms * interval '1 millisecond' THEN
    UPDATE idempotency_keys i SET route = for_route, request_hash = hash, state = 'started', resource_id = fresh_id,
           response = NULL, locked_until = until, created_at = now()
     WHERE i.tenant_id = k.tenant_id AND i.key = for_key;
    RETURN QUERY SELECT 'run'::text, fresh_id, NULL::jsonb;
  ELSIF k.request_hash <> hash OR k.route <> for_route THEN
    RETURN QUERY SELECT 'mismatch'::text, NULL::uuid, NULL::jsonb;
  ELSIF k.state = 'done' THEN
    RETURN QUERY SELECT 'replay'::text, k.resource_id, k.response;
  ELSIF k.locked_until > now() THEN
    RETURN QUERY SELECT 'busy'::text, NULL::uuid, NULL::jsonb;
  ELSE
    UPDATE idempotency_keys i SET locked_until = until WHERE i.tenant_id = k.tenant_id AND i.key = for_key;
    RETURN QUERY SELECT 'run'::text, k.resource_id, NULL::jsonb;
  END IF;
END $$;

-- Forgets keys older than `ttl_ms`, at most `most`. Returns how many.
CREATE FUNCTION purge_idempotency(ttl_ms bigint, most integer) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH gone AS (
    DELETE FROM idempotency_keys i USING (
      SELECT o.tenant_id, o.key FROM idempotency_keys o
       WHERE o.created_at < now() - ttl_ms * interval '1 millisecond' ORDER BY o.created_at LIMIT most) old
     WHERE i.tenant_id = old.tenant_id AND i.key = old.key
    RETURNING 1)
  SELECT count(*)::integer FROM gone
$$;

ALTER FUNCTION purge_idempotency(bigint, integer) OWNER TO definer;
REVOKE ALL ON FUNCTION purge_idempotency(bigint, integer),
  claim_idempotency(text, text, bytea, uuid, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purge_idempotency(bigint, integer) TO dispatcher;
GRANT EXECUTE ON FUNCTION claim_idempotency(text, text, bytea, uuid, bigint, bigint) TO app;
