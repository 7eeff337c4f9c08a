-- The grants and policies go with the tables and functions when those are dropped; what is left here is the access
-- itself, so that a database at 0002 is as closed as one that has not seen 0003.
DO $$
DECLARE p record; f record;
BEGIN
  FOR p IN SELECT polname, polrelid::regclass AS rel FROM pg_policy pol JOIN pg_class c ON c.oid = pol.polrelid
            WHERE c.relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('DROP POLICY %I ON %s', p.polname, p.rel);
  END LOOP;
  FOR p IN SELECT oid::regclass AS rel FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity LOOP
    EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', p.rel);
  END LOOP;
  FOR f IN SELECT oid::regprocedure AS sig FROM pg_proc WHERE pronamespace = 'public'::regnamespace LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM app, dispatcher, probe, courier, eraser', f.sig);
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.sig, current_user);
  END LOOP;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM app, dispatcher, probe, courier, eraser;
-- `definer` keeps what it owns (verdicts, since 0002).
REVOKE ALL ON tenants, api_keys, tenant_rules, probe_credentials, jobs, chunks, hub_turns, deliveries, events,
  delivery_attempts, credit_ledger, usage_records, webhook_endpoints FROM definer;
