DROP TABLE pending_absences, held_deletions, watermarks, quarantined_rows, sync_runs;
