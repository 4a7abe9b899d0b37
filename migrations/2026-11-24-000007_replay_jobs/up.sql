-- Replays of dead letters. A job and its letters are fixed when it is asked for; the workers take
-- them from here, so it goes on where it was after any crash.

CREATE TABLE replay_jobs (
    id uuid PRIMARY KEY,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'paused', 'cancelled', 'done')),
    -- Find the verdicts and change nothing.
    dry_run boolean NOT NULL,
    rate_per_second integer NOT NULL CHECK (rate_per_second > 0),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL,
    -- Letters at its start.
    total bigint NOT NULL,
    -- No letter is taken before; keeps the rate over all workers and restarts.
    next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);

CREATE INDEX replay_jobs_running ON replay_jobs (requested_at) WHERE status = 'running';

CREATE TABLE replay_items (
    job_id uuid NOT NULL REFERENCES replay_jobs (id) ON DELETE CASCADE,
    letter_id bigint NOT NULL REFERENCES dead_letters (id) ON DELETE CASCADE,
    -- The premise, or the letter's own negative id. Letters of one premise are taken together, so
    -- that a dry run, which undoes each batch, sees the same as the real run.
    group_key bigint NOT NULL,
    -- Null until it is done; 'skipped' is a letter that was settled by someone else meanwhile.
    verdict text CHECK (verdict IN ('apply', 'duplicate', 'stale', 'invalid', 'skipped')),
    -- Why it is invalid.
    detail text,
    PRIMARY KEY (job_id, letter_id)
);

CREATE INDEX replay_items_to_do ON replay_items (job_id, group_key) WHERE verdict IS NULL;
