-- Pulls of PPB's catalogue. One run at a time per source: the partial index refuses a second.

CREATE TABLE sync_runs (
    id uuid PRIMARY KEY,
    source text NOT NULL DEFAULT 'ppb',
    mode text NOT NULL CHECK (mode IN ('full', 'incremental')),
    status text NOT NULL CHECK (status IN
        ('queued', 'running', 'succeeded', 'failed', 'held', 'cancelled', 'abandoned')),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- For an incremental run: changes since this time were asked for.
    since timestamptz,
    dry_run boolean NOT NULL DEFAULT false,
    cancel_requested boolean NOT NULL DEFAULT false,

    started_at timestamptz,
    -- Moved on by the puller; a running run whose heartbeat stopped is abandoned.
    heartbeat_at timestamptz,
    finished_at timestamptz,

    -- Progress.
    phase text,
    bytes bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,

    -- Result: RunCounts of the domain crate.
    counts jsonb,
    -- Source time that the answer reflects at least.
    reflects_at timestamptz,
    -- Evidence of the answer: status, date, length, hash.
    evidence jsonb,
    -- 'full' with the reason, when an incremental run had to pull everything.
    fallback_reason text,
    error_code text,
    error_message text,

    -- r - S: up to where a complete answer confirms.
    floor_at timestamptz,
    -- A held run: why, and the hash of what waits for approval.
    held_reason text,
    plan_hash text,
    approved_by text,
    approved_at timestamptz
);

CREATE UNIQUE INDEX sync_runs_one_at_a_time ON sync_runs (source) WHERE status IN ('queued', 'running');
CREATE INDEX sync_runs_newest ON sync_runs (requested_at DESC);
CREATE INDEX sync_runs_last_success ON sync_runs (mode, finished_at DESC) WHERE status = 'succeeded';

-- Rows of a pull that could not be read, with the reason.
CREATE TABLE quarantined_rows (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    premise_id bigint,
    errors jsonb NOT NULL,
    raw text NOT NULL
);

CREATE INDEX quarantined_rows_of_run ON quarantined_rows (run_id);

-- Up to where incremental pulls have read PPB's changes.
CREATE TABLE watermarks (
    source text PRIMARY KEY,
    watermark_at timestamptz NOT NULL,
    run_id uuid NOT NULL
);

-- What a held run would delete.
CREATE TABLE held_deletions (
    run_id uuid NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    premise_id bigint NOT NULL,
    PRIMARY KEY (run_id, premise_id)
);

-- Live premises that accepted snapshots did not have; enough of them confirm the deletion.
CREATE TABLE pending_absences (
    premise_id bigint PRIMARY KEY,
    reads integer NOT NULL,
    as_of timestamptz NOT NULL,
    run_id uuid NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);
