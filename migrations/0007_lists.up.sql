-- Lists as people have them: every kind of source, uploads that are looked at before a job starts, holds that follow
-- what was read.

ALTER TABLE jobs DROP CONSTRAINT jobs_source_kind_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_source_kind_check CHECK (source_kind IN ('json', 'csv', 'xlsx', 'items'));

-- A list in object storage that no job was made of yet.
CREATE TABLE uploads (
  id          uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL,
  name        text NOT NULL DEFAULT '',
  state       text NOT NULL CHECK (state IN ('open', 'ready', 'used', 'gone')),
  object_key  text NOT NULL,
  bytes       bigint NOT NULL CHECK (bytes >= 0),
  part_bytes  integer CHECK (part_bytes > 0), -- null when it came in one piece
  multipart   text,                           -- object storage's own id of an upload in parts
  parts       jsonb NOT NULL DEFAULT '{}',    -- {number: etag} of the parts that came, in any order
  rows_guess  integer,                        -- rows that it can have, when its bytes were counted on the way
  job_id      uuid,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL
);
CREATE INDEX uploads_expired ON uploads (expires_at) WHERE state IN ('open', 'ready');

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON uploads TO app
  USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE POLICY definer_all ON uploads TO definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON uploads TO app;
GRANT SELECT ON uploads TO definer;

-- Uploads that nobody made a job of in time.
CREATE FUNCTION expired_uploads(most integer) RETURNS TABLE (id uuid, tenant_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT u.id, u.tenant_id FROM uploads u
   WHERE u.state IN ('open', 'ready') AND u.expires_at < now() ORDER BY u.expires_at LIMIT most
$$;
ALTER FUNCTION expired_uploads(integer) OWNER TO definer;
REVOKE ALL ON FUNCTION expired_uploads(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expired_uploads(integer) TO dispatcher;

-- Sets the hold of the tenant's job to what its list turned out to have. The job is being taken in and its row locked
-- by the caller; the ledger is otherwise only ever added to.
CREATE FUNCTION revise_hold(job uuid, credits bigint) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
  UPDATE credit_ledger l SET amount = credits
   WHERE l.tenant_id = current_tenant() AND l.ref = job AND l.kind = 'hold'
     AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = job AND j.tenant_id = current_tenant() AND j.state = 'ingesting');
  RETURN FOUND;
END $$;
ALTER FUNCTION revise_hold(uuid, bigint) OWNER TO definer;
GRANT EXECUTE ON FUNCTION current_tenant() TO definer;
GRANT UPDATE (amount) ON credit_ledger TO definer;
GRANT SELECT ON credit_ledger TO definer;
REVOKE ALL ON FUNCTION revise_hold(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revise_hold(uuid, bigint) TO app;
