REVOKE DELETE ON domain_facts FROM definer;
DROP FUNCTION note_visits(text[], jsonb, text);
