-- The tenant's allow rule that matched a row: its address is asked although its domain is disposable or mistyped.
ALTER TABLE job_items ADD COLUMN allow_rule text;
