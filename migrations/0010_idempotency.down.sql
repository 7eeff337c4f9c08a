DROP FUNCTION claim_idempotency(text, text, bytea, uuid, bigint, bigint), purge_idempotency(bigint, integer);
DROP TABLE idempotency_keys;
