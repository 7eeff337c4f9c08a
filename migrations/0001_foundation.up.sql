-- Foundation: tenants, keys, jobs, work list, verdicts, webhooks, money, audit.
-- Roles are cluster-wide, so another database of the cluster may have made them already.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['app', 'dispatcher', 'probe', 'courier', 'eraser', 'definer'] LOOP
    CONTINUE WHEN EXISTS (SELECT 1 FROM pg_roles WHERE rolname = r);
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', r);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another database's applier was faster
    END;
  END LOOP;
  SELECT rolname INTO r FROM pg_roles
   WHERE rolname IN ('app', 'dispatcher', 'probe', 'courier', 'eraser', 'definer') AND (rolsuper OR rolbypassrls);
  IF FOUND THEN
    RAISE EXCEPTION 'role % bypasses row-level security: drop it and let this migration make it', r USING ERRCODE = 'MS003';
  END IF;
END $$;
-- The migrating role hands objects to `definer`: it must be able to become it (SET) and to alter what it owns
-- (INHERIT). A role with CREATEROLE has neither by having made it, only the right to grant both (PostgreSQL 16).
DO $$
BEGIN
  IF NOT pg_has_role(current_user, 'definer', 'SET') OR NOT pg_has_role(current_user, 'definer', 'USAGE') THEN
    EXECUTE format('GRANT definer TO %I WITH SET TRUE, INHERIT TRUE', current_user);
  END IF;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO app, dispatcher, probe, courier, eraser, definer;
GRANT CREATE ON SCHEMA public TO definer; -- new monthly partitions of verdicts

-- The tenant of the running transaction. A local setting reads '' afterwards on a pooled connection, not NULL.
CREATE FUNCTION current_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- The smallest UUIDv7 of an instant: the bound of a month of verdicts (RFC 9562 section 5.7).
CREATE FUNCTION uuidv7_floor(at timestamptz) RETURNS uuid
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

-- One hash for every look-up by address; the edge and the probe never compute it. STABLE as `convert_to` is: declared
-- stricter, it would not be inlined and would cost a tenth of `settle`.
CREATE FUNCTION email_hash(email text) RETURNS bytea
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT sha256(convert_to(lower(email), 'UTF8')) $$;

-- ---------------------------------------------------------------- tenants and keys

CREATE TABLE tenants (
  id          uuid PRIMARY KEY,
  name        text NOT NULL,
  plan        text NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'starter', 'pro', 'enterprise')),
  options     jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT now(),
  deleted_at  timestamptz
);

CREATE TABLE api_keys (
  id           text PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenants (id),
  name         text NOT NULL,
  mode         text NOT NULL CHECK (mode IN ('live', 'test')),
  secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  scopes       text[] NOT NULL DEFAULT '{}',
  ip_allow     text[] NOT NULL DEFAULT '{}',
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id);

CREATE TABLE tenant_rules (
  id          uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants (id),
  kind        text NOT NULL CHECK (kind IN ('allow', 'block')),
  match       text NOT NULL CHECK (match IN ('address', 'domain', 'pattern')),
  value       text NOT NULL CHECK (length(value) BETWEEN 1 AND 500),
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, kind, match, value)
);

-- ---------------------------------------------------------------- jobs and the work list

CREATE TABLE jobs (
  id             uuid PRIMARY KEY,
  tenant_id      uuid NOT NULL REFERENCES tenants (id),
  parent_id      uuid,
  key_id         text,
  name           text NOT NULL DEFAULT '',
  state          text NOT NULL DEFAULT 'queued'
                 CHECK (state IN ('queued', 'ingesting', 'running', 'paused', 'finalising', 'completed', 'cancelled', 'failed')),
  lane           smallint NOT NULL DEFAULT 2 CHECK (lane BETWEEN 1 AND 3), -- 1 high, 2 normal, 3 low
  mode           text NOT NULL DEFAULT 'full' CHECK (mode IN ('edge', 'dns', 'full')),
  options        jsonb NOT NULL DEFAULT '{}',
  source_kind    text NOT NULL CHECK (source_kind IN ('json', 'csv')),
  source_key     text NOT NULL,
  source_column  text,
  -- Where ingest stands: rows staged so far, and what it needs to go on. Advanced by compare-and-set.
  staged_rows    integer NOT NULL DEFAULT 0,
  checkpoint     jsonb NOT NULL DEFAULT '{}',
  ingested       boolean NOT NULL DEFAULT false,
  edge_decided   integer NOT NULL DEFAULT 0,
  duplicates     integer NOT NULL DEFAULT 0,
  -- Counts by status and reason, written once from the verdict rows when the job ends.
  summary        jsonb,
  error          text,
  trace_id       text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  started_at     timestamptz,
  finished_at    timestamptz
);
CREATE INDEX jobs_tenant ON jobs (tenant_id, id DESC);
CREATE INDEX jobs_open ON jobs (state, id) WHERE state IN ('queued', 'ingesting', 'running', 'finalising');

CREATE TABLE job_items (
  job_id     uuid NOT NULL,
  row_no     integer NOT NULL,
  tenant_id  uuid NOT NULL,
  email      text NOT NULL,
  domain     text,             -- A-label; null when the address does not parse
  dedupe     bytea NOT NULL,   -- what makes two rows duplicates, by the job's option
  dup_of     integer,          -- row_no of the first of its kind
  decided    boolean NOT NULL DEFAULT false, -- has a verdict from the edge
  PRIMARY KEY (job_id, row_no)
);

CREATE TABLE chunks (
  id          uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL,
  job_id      uuid NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('job', 'check')),
  hub         text NOT NULL,
  lane        smallint NOT NULL CHECK (lane BETWEEN 0 AND 3),
  state       text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'out', 'done')),
  ticket      uuid NOT NULL DEFAULT gen_random_uuid(),
  not_before  timestamptz NOT NULL DEFAULT now(),
  out_at      timestamptz,
  domain      text NOT NULL DEFAULT '',
  options     jsonb NOT NULL DEFAULT '{}',
  sticky      jsonb,
  items       jsonb NOT NULL,            -- wire ChunkItem[], shrinking as parts settle
  open_items  integer NOT NULL,
  settled     integer NOT NULL DEFAULT 0,
  deferred    integer NOT NULL DEFAULT 0,
  counts      jsonb NOT NULL DEFAULT '{}', -- verdicts by status, for progress
  key_id      text,
  trace_id    text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  done_at     timestamptz
);
-- Rows shrink while they settle and most updates leave no indexed column as it was: room for the new versions.
ALTER TABLE chunks SET (fillfactor = 70);
CREATE INDEX chunks_due ON chunks (hub, lane, tenant_id, not_before) WHERE state = 'planned';
CREATE INDEX chunks_out ON chunks (out_at) WHERE state = 'out';
CREATE INDEX chunks_job ON chunks (job_id, state);

-- Where the turn of the tenants stands at each hub and lane, so that a hub with little room serves all of them.
CREATE TABLE hub_turns (
  hub           text NOT NULL,
  lane          smallint NOT NULL,
  after_tenant  uuid NOT NULL,
  PRIMARY KEY (hub, lane)
);

-- ---------------------------------------------------------------- verdicts

CREATE TABLE verdicts (
  job_id      uuid NOT NULL,     -- UUIDv7; a real-time check is item 0 of its own id
  item_no     integer NOT NULL,
  tenant_id   uuid NOT NULL,
  email       text NOT NULL,
  email_hash  bytea NOT NULL,
  status      text NOT NULL CHECK (status IN ('deliverable', 'undeliverable', 'risky', 'unknown')),
  reason      text NOT NULL,
  score       smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
  -- The other fields of the flat verdict, as they came: nothing here looks inside, and text is cheaper to take in and
  -- to give out than jsonb.
  detail      json NOT NULL CHECK (json_typeof(detail) = 'object'),
  source      text NOT NULL CHECK (source IN ('edge', 'probe', 'cache', 'duplicate')),
  key_id      text,
  checked_at  timestamptz NOT NULL,
  PRIMARY KEY (job_id, item_no)
) PARTITION BY RANGE (job_id);
CREATE INDEX verdicts_email ON verdicts (tenant_id, email_hash);

-- ---------------------------------------------------------------- webhooks

CREATE TABLE webhook_endpoints (
  id           uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenants (id),
  url          text NOT NULL CHECK (length(url) <= 2000),
  event_types  text[] NOT NULL,
  secrets      jsonb NOT NULL, -- sealed envelopes, newest first; all of them sign
  state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
  description  text NOT NULL DEFAULT '',
  created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_endpoints_tenant ON webhook_endpoints (tenant_id, id DESC);

CREATE TABLE events (
  id          uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL,
  type        text NOT NULL,
  payload     jsonb NOT NULL,
  trace_id    text,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX events_tenant ON events (tenant_id, created_at DESC);

CREATE TABLE deliveries (
  id           uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL,
  event_id     uuid NOT NULL REFERENCES events (id),
  endpoint_id  uuid NOT NULL REFERENCES webhook_endpoints (id),
  state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
  attempts     integer NOT NULL DEFAULT 0,
  next_at      timestamptz NOT NULL DEFAULT now(), -- pushed forward while claimed: the lease
  last_status  integer,
  last_error   text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz
);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_tenant ON deliveries (tenant_id, created_at DESC);
CREATE INDEX deliveries_event ON deliveries (event_id);

CREATE TABLE delivery_attempts (
  delivery_id  uuid NOT NULL,
  attempt_no   integer NOT NULL,
  tenant_id    uuid NOT NULL,
  at           timestamptz NOT NULL,
  duration_ms  integer NOT NULL,
  status_code  integer,
  error        text,
  response     text,
  PRIMARY KEY (delivery_id, attempt_no)
);

-- ---------------------------------------------------------------- money, usage, audit

CREATE TABLE credit_ledger (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants (id),
  kind       text NOT NULL CHECK (kind IN ('grant', 'hold', 'settle', 'release')),
  amount     bigint NOT NULL CHECK (amount >= 0),
  ref        uuid NOT NULL, -- job or check: each is held, settled and released once
  at         timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, ref, kind)
);

CREATE TABLE usage_records (
  tenant_id    uuid NOT NULL,
  ref          uuid NOT NULL, -- job or check: counted once
  day          date NOT NULL,
  key_id       text,
  endpoint     text NOT NULL,
  emails       integer NOT NULL,
  billable     integer NOT NULL,
  smtp_checks  integer NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, ref)
);
CREATE INDEX usage_day ON usage_records (tenant_id, day);

CREATE TABLE audit_log (
  id         uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL,
  at         timestamptz NOT NULL,
  actor      text NOT NULL,
  action     text NOT NULL,
  target     text,
  status     integer,
  trace_id   text,
  detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_tenant ON audit_log (tenant_id, at DESC);

-- ---------------------------------------------------------------- the fleet (no tenant)

CREATE TABLE domain_facts (
  domain      text NOT NULL,
  host        text NOT NULL DEFAULT '',
  fact        text NOT NULL,
  value       text NOT NULL,
  confidence  real NOT NULL,
  learned_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (domain, host, fact)
);

CREATE TABLE probe_credentials (
  id           text PRIMARY KEY,
  region       text NOT NULL,
  name         text NOT NULL,
  secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  revoked_at   timestamptz,
  created_at   timestamptz NOT NULL DEFAULT now()
);
