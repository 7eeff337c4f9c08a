ALTER TABLE job_items DROP COLUMN allow_rule;
