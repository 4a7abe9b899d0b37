-- Runs that the schedule asks for. A slot is the time at which the schedule wanted a run.

ALTER TABLE sync_runs
    ADD COLUMN scheduled_for timestamptz,
    -- It ended with its process, not by its own doing: its slot may be taken again.
    ADD COLUMN interrupted boolean NOT NULL
        GENERATED ALWAYS AS (status = 'abandoned' OR coalesce(error_code, '') = 'stopped') STORED;

-- However many replicas look at the clock, one run per slot.
CREATE UNIQUE INDEX sync_runs_one_per_slot ON sync_runs (mode, scheduled_for)
    WHERE scheduled_for IS NOT NULL AND NOT interrupted;

-- A slot whose run ends its process every time is given up after the third.
CREATE VIEW taken_slots AS
SELECT mode, scheduled_for AS slot_at
FROM sync_runs
WHERE scheduled_for IS NOT NULL
GROUP BY mode, scheduled_for
HAVING count(*) >= 3 OR bool_or(NOT interrupted);
