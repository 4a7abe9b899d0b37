-- Webhooks that had their effect, written in the transaction of the effect. The key is the
-- SHA-256 of the signed bytes: the authority on what is a repeat.

CREATE TABLE inbox (
    idempotency_key bytea PRIMARY KEY,
    delivery_id uuid NOT NULL,
    webhook_id text,
    action text NOT NULL,
    premise_id bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN
        ('created', 'updated', 'deleted', 'reinstated', 'unchanged', 'stale', 'duplicate')),
    received_at timestamptz NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Further deliveries of the same bytes.
    repeats integer NOT NULL DEFAULT 0
);

CREATE INDEX inbox_processed ON inbox (processed_at);

-- Deliveries that were given up, moved here from the broker's dead letter queue.
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id uuid NOT NULL UNIQUE,
    reason text NOT NULL,
    detail text NOT NULL,
    attempts integer NOT NULL,
    action text,
    premise_id bigint,
    webhook_id text,
    received_at timestamptz NOT NULL,
    first_failed_at timestamptz NOT NULL,
    dead_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- 'open' until it is replayed or discarded.
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'replayed', 'discarded')),
    -- The message as it was in the queue; text, because it need not even be JSON.
    envelope text NOT NULL
);

CREATE INDEX dead_letters_newest ON dead_letters (dead_at DESC);
CREATE INDEX dead_letters_open ON dead_letters (reason, dead_at DESC) WHERE status = 'open';
