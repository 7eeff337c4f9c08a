CREATE OR REPLACE FUNCTION key_snapshot(key_id text) RETURNS jsonb
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

DROP FUNCTION answer_known(uuid, jsonb), erase_results(uuid, text[], text[], timestamptz), erase_address(text, jsonb),
  blank_detail(json), blank_event(jsonb);
REVOKE EXECUTE ON FUNCTION uuidv7_floor(timestamptz) FROM app;
REVOKE UPDATE ON events FROM definer;
REVOKE UPDATE (options, source_key) ON jobs FROM definer;
DROP POLICY definer_all ON job_items;
REVOKE SELECT, UPDATE ON job_items FROM definer;
ALTER TABLE job_items DROP COLUMN erased;
DROP TABLE cache_marks;
