-- Who may touch what. Row-level security is enabled and forced on every tenant table; `app` sees its transaction's
-- tenant only; `definer` passes by explicit policies, and only its functions run as it.
DO $$
DECLARE
  t text;
  parts text[] := ARRAY(SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'verdicts'::regclass);
BEGIN
  FOREACH t IN ARRAY parts || ARRAY['api_keys', 'tenant_rules', 'jobs', 'job_items', 'chunks', 'verdicts', 'webhook_endpoints',
                                    'events', 'deliveries', 'delivery_attempts', 'credit_ledger', 'usage_records', 'audit_log'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO app USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()))', t);
  END LOOP;
  ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
  ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
  CREATE POLICY tenant_isolation ON tenants TO app USING (id = (SELECT current_tenant())) WITH CHECK (id = (SELECT current_tenant()));
  FOREACH t IN ARRAY parts || ARRAY['tenants', 'api_keys', 'tenant_rules', 'jobs', 'chunks', 'verdicts', 'webhook_endpoints',
                                    'events', 'deliveries', 'delivery_attempts', 'credit_ledger', 'usage_records'] LOOP
    EXECUTE format('CREATE POLICY definer_all ON %I TO definer USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON tenants TO app;
GRANT SELECT, INSERT, UPDATE ON api_keys, jobs, job_items, chunks, webhook_endpoints, deliveries TO app;
GRANT SELECT, INSERT, DELETE ON tenant_rules TO app;
GRANT SELECT, INSERT ON verdicts, events, delivery_attempts, credit_ledger, usage_records, audit_log TO app;
GRANT SELECT ON domain_facts TO app;

GRANT SELECT ON tenants, api_keys, tenant_rules, probe_credentials TO definer;
GRANT SELECT ON jobs TO definer;
GRANT SELECT, UPDATE ON chunks, deliveries TO definer;
GRANT SELECT, INSERT, UPDATE ON hub_turns TO definer;
GRANT INSERT ON deliveries, events, delivery_attempts, credit_ledger, usage_records TO definer;
GRANT SELECT ON webhook_endpoints, events, delivery_attempts TO definer; -- ON CONFLICT reads what it compares

DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['key_snapshot(text)', 'probe_credential(text)', 'ensure_verdict_partitions(timestamptz, integer)',
    'refill(text, integer, integer)', 'settle(uuid, uuid, json, jsonb, boolean, timestamptz, jsonb)',
    'due_hubs()', 'stale_chunks(bigint, integer)', 'replan(jsonb)', 'jobs_to_advance(bigint, integer)',
    'claim_deliveries(integer, integer, bigint, jsonb)', 'record_attempts(jsonb)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO definer', f);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION settle_check(uuid, uuid, text, text), raise_event(uuid, text, jsonb, text), finalise_job(uuid),
  current_tenant(), uuidv7_floor(timestamptz), email_hash(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_check(uuid, uuid, text, text), uuidv7_floor(timestamptz) TO definer;
GRANT EXECUTE ON FUNCTION raise_event(uuid, text, jsonb, text), email_hash(text) TO definer, app;
GRANT EXECUTE ON FUNCTION current_tenant() TO app;
GRANT EXECUTE ON FUNCTION finalise_job(uuid) TO app;
GRANT EXECUTE ON FUNCTION key_snapshot(text) TO app;
GRANT EXECUTE ON FUNCTION probe_credential(text), refill(text, integer, integer), due_hubs(), stale_chunks(bigint, integer),
  replan(jsonb), jobs_to_advance(bigint, integer), ensure_verdict_partitions(timestamptz, integer) TO dispatcher;
GRANT EXECUTE ON FUNCTION settle(uuid, uuid, json, jsonb, boolean, timestamptz, jsonb) TO probe;
GRANT EXECUTE ON FUNCTION claim_deliveries(integer, integer, bigint, jsonb), record_attempts(jsonb) TO courier;

-- From the month before: an id may be a moment older than the database.
SELECT ensure_verdict_partitions(now() - interval '1 month', 14);
