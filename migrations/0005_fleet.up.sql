-- The life of a probe in the hands of operators: joining by a one-time token, rotation, revocation, quarantine.

-- A token that makes whoever brings it the probe of that id, once. Another one for the same id replaces it.
CREATE TABLE probe_joins (
  id           text PRIMARY KEY,
  region       text NOT NULL,
  name         text NOT NULL,
  secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  expires_at   timestamptz NOT NULL,
  used_at      timestamptz,
  created_at   timestamptz NOT NULL DEFAULT now()
);

-- What a person has taken out of service, until a person releases it. An empty source is the whole probe.
CREATE TABLE probe_quarantines (
  probe_id  text NOT NULL REFERENCES probe_credentials (id),
  source    text NOT NULL DEFAULT '',
  reason    text NOT NULL,
  since     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (probe_id, source)
);

-- Offers a place in the fleet under a token whose SHA-256 is given (hex). Returns when the offer lapses.
CREATE FUNCTION offer_probe(new_id text, new_region text, new_name text, join_hash text, ttl_s integer) RETURNS timestamptz
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  INSERT INTO probe_joins (id, region, name, secret_hash, expires_at)
       VALUES (new_id, new_region, new_name, decode(join_hash, 'hex'), now() + ttl_s * interval '1 second')
  ON CONFLICT (id) DO UPDATE SET secret_hash = excluded.secret_hash, expires_at = excluded.expires_at, used_at = NULL,
              region = excluded.region, name = excluded.name
  RETURNING expires_at
$$;

-- Offers a probe that is in service a new credential; null when there is no such probe or it was revoked.
CREATE FUNCTION rotate_probe(old_id text, join_hash text, ttl_s integer) RETURNS jsonb
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT jsonb_build_object('region', c.region, 'name', c.name,
                            'expires_at', offer_probe(c.id, c.region, c.name, join_hash, ttl_s))
    FROM probe_credentials c WHERE c.id = old_id AND c.revoked_at IS NULL
$$;

-- Trades a token for a credential of which only the hash is told. The token is spent by compare-and-set, so of two who
-- bring it one is refused; the same credential may be brought again, because an answer can be lost on its way.
-- outcome: joined | unknown | expired | used
CREATE FUNCTION join_probe(join_id text, join_hash text, own_hash text) RETURNS jsonb
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE offer probe_joins;
BEGIN
  UPDATE probe_joins j SET used_at = now()
   WHERE j.id = join_id AND j.secret_hash = decode(join_hash, 'hex') AND j.used_at IS NULL AND j.expires_at > now()
  RETURNING * INTO offer;
  IF FOUND THEN
    INSERT INTO probe_credentials AS c (id, region, name, secret_hash)
         VALUES (offer.id, offer.region, offer.name, decode(own_hash, 'hex'))
    ON CONFLICT (id) DO UPDATE SET secret_hash = excluded.secret_hash, region = excluded.region;
    RETURN jsonb_build_object('outcome', 'joined', 'region', offer.region, 'name', offer.name);
  END IF;
  SELECT * INTO offer FROM probe_joins j WHERE j.id = join_id AND j.secret_hash = decode(join_hash, 'hex');
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'unknown');
  ELSIF offer.used_at IS NULL THEN
    RETURN jsonb_build_object('outcome', 'expired');
  ELSIF EXISTS (SELECT 1 FROM probe_credentials c
                 WHERE c.id = join_id AND c.secret_hash = decode(own_hash, 'hex') AND c.revoked_at IS NULL) THEN
    RETURN jsonb_build_object('outcome', 'joined', 'region', offer.region, 'name', offer.name);
  END IF;
  RETURN jsonb_build_object('outcome', 'used');
END $$;

-- Ends a credential for good, and any offer of another one. False when there is no such probe.
CREATE FUNCTION revoke_probe(old_id text) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE offered boolean;
BEGIN
  DELETE FROM probe_joins j WHERE j.id = old_id;
  offered := FOUND;
  UPDATE probe_credentials c SET revoked_at = coalesce(c.revoked_at, now()) WHERE c.id = old_id;
  RETURN FOUND OR offered;
END $$;

-- Takes a probe or one of its source addresses out of service. False when there is no such probe.
CREATE FUNCTION quarantine_probe(old_id text, one_source text, why text) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
  INSERT INTO probe_quarantines (probe_id, source, reason)
       SELECT c.id, one_source, why FROM probe_credentials c WHERE c.id = old_id
  ON CONFLICT (probe_id, source) DO UPDATE SET reason = excluded.reason;
  RETURN FOUND;
END $$;

-- Puts it back. False when it was not in quarantine.
CREATE FUNCTION release_probe(old_id text, one_source text) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
  DELETE FROM probe_quarantines q WHERE q.probe_id = old_id AND q.source = one_source;
  RETURN FOUND;
END $$;

-- Every credential with what is in quarantine, newest first: the part of the operator's view that outlives a hub.
CREATE FUNCTION list_probes(most integer) RETURNS SETOF jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT jsonb_build_object(
           'id', c.id, 'region', c.region, 'name', c.name, 'created_at', c.created_at, 'revoked_at', c.revoked_at,
           'quarantines', coalesce((SELECT jsonb_agg(jsonb_build_object('source', q.source, 'reason', q.reason, 'since', q.since) ORDER BY q.source)
                                      FROM probe_quarantines q WHERE q.probe_id = c.id), '[]'::jsonb))
    FROM probe_credentials c ORDER BY c.created_at DESC, c.id LIMIT most
$$;

-- The hub's door learns of quarantine with the credential.
CREATE OR REPLACE FUNCTION probe_credential(probe_id text) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT jsonb_build_object(
           'id', c.id, 'region', c.region, 'secret_hash', encode(c.secret_hash, 'hex'), 'revoked_at', c.revoked_at,
           'quarantined', coalesce(bool_or(q.source = ''), false),
           'quarantined_sources', coalesce(jsonb_agg(q.source ORDER BY q.source) FILTER (WHERE q.source <> ''), '[]'::jsonb))
    FROM probe_credentials c LEFT JOIN probe_quarantines q ON q.probe_id = c.id
   WHERE c.id = probe_credential.probe_id
   GROUP BY c.id
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON probe_joins, probe_quarantines TO definer;
GRANT INSERT, UPDATE ON probe_credentials TO definer;

DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['offer_probe(text, text, text, text, integer)', 'rotate_probe(text, text, integer)',
    'join_probe(text, text, text)', 'revoke_probe(text)', 'quarantine_probe(text, text, text)',
    'release_probe(text, text)', 'list_probes(integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO definer', f);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO dispatcher', f);
  END LOOP;
END $$;
