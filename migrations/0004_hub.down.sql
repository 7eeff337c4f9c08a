DROP FUNCTION next_due(text);
DROP FUNCTION reclaim(text, jsonb, bigint);
