CREATE OR REPLACE FUNCTION probe_credential(probe_id text) RETURNS jsonb
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT jsonb_build_object('id', id, 'region', region, 'secret_hash', encode(secret_hash, 'hex'), 'revoked_at', revoked_at)
    FROM probe_credentials WHERE id = probe_id
$$;
DROP FUNCTION offer_probe(text, text, text, text, integer), rotate_probe(text, text, integer),
  join_probe(text, text, text), revoke_probe(text), quarantine_probe(text, text, text), release_probe(text, text),
  list_probes(integer);
DROP TABLE probe_quarantines, probe_joins;
REVOKE INSERT, UPDATE ON probe_credentials FROM definer;
