DROP TABLE probe_credentials, domain_facts, audit_log, usage_records, credit_ledger, delivery_attempts, deliveries,
  events, webhook_endpoints, verdicts, hub_turns, chunks, job_items, jobs, tenant_rules, api_keys, tenants;
DROP FUNCTION email_hash(text);
DROP FUNCTION uuidv7_floor(timestamptz);
DROP FUNCTION current_tenant();
REVOKE CREATE ON SCHEMA public FROM definer;
REVOKE USAGE ON SCHEMA public FROM app, dispatcher, probe, courier, eraser, definer;
-- The roles stay: they belong to the cluster, and another database of it may use them.
