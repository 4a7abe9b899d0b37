DROP TABLE watermarks, quarantined_rows, sync_runs;
