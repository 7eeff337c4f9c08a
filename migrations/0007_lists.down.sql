DROP FUNCTION revise_hold(uuid, bigint);
REVOKE SELECT, UPDATE (amount) ON credit_ledger FROM definer;
REVOKE EXECUTE ON FUNCTION current_tenant() FROM definer;
DROP FUNCTION expired_uploads(integer);
DROP TABLE uploads;
ALTER TABLE jobs DROP CONSTRAINT jobs_source_kind_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_source_kind_check CHECK (source_kind IN ('json', 'csv')) NOT VALID;
