DROP VIEW taken_slots;
DROP INDEX sync_runs_one_per_slot;
ALTER TABLE sync_runs DROP COLUMN interrupted, DROP COLUMN scheduled_for;
