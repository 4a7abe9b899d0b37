DROP INDEX dead_letters_of_premise;
ALTER TABLE dead_letters DROP COLUMN settled_reason, DROP COLUMN settled_at, DROP COLUMN settled_by;
