REVOKE INSERT ON chunks FROM definer;
REVOKE UPDATE (trace_id) ON jobs FROM definer;
REVOKE SELECT, INSERT, UPDATE ON domain_facts FROM definer;
DROP FUNCTION settle_asking(uuid, uuid, json, jsonb, timestamptz, jsonb, json), other_hub(text),
  claim_opinions(text[], text), move_chunks(text, text, integer, bigint), report_hubs(jsonb, integer),
  hub_shard(text, integer);
DROP TABLE hub_loads;
