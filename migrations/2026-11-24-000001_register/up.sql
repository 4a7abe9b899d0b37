-- The register: one row for every premise PPB ever told us of, the changes it went through, and
-- the floor up to which complete snapshots have confirmed everything.

CREATE TABLE premises (
    premise_id bigint PRIMARY KEY CHECK (premise_id > 0),

    -- What PPB says, normalised (see the domain crate, normalise.rs).
    name text,
    county text,
    constituency text,
    ward text,
    business_type text,
    ownership text,
    superintendent_registration_no text,
    superintendent_name text,
    superintendent_cadre text,
    license_validity date,
    validity_year integer,
    flags jsonb NOT NULL DEFAULT '[]',
    -- The row or event data that last wrote this premise, as it came.
    raw text,

    -- Owned here; no sync touches them.
    gln text,
    notes text,

    -- Rank of the statement that holds (domain crate, rank.rs), in the order of comparison.
    effective_at timestamptz NOT NULL,
    rank_class smallint NOT NULL,
    is_tombstone boolean NOT NULL,
    as_of timestamptz NOT NULL,
    rank_sequence bigint NOT NULL,
    rank_hash bytea NOT NULL,

    -- Hash of the complete content; null when a partial event or a tombstone wrote last.
    content_hash bytea,
    -- PPB's lastModified, where it gave one.
    source_modified_at timestamptz,

    -- Provenance: the road, and the delivery or run that brought what holds.
    channel text NOT NULL,
    source_ref uuid NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),

    CHECK (is_tombstone OR name IS NOT NULL)
);

-- Every change is audit, outbox and feed at once. Readers order by (xid, seq) and stop below the
-- snapshot horizon, so that a change that commits late is never skipped.
CREATE TABLE premise_changes (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    premise_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('created', 'updated', 'deleted', 'reinstated')),
    -- Only the fields that changed.
    old_values jsonb NOT NULL DEFAULT '{}',
    new_values jsonb NOT NULL DEFAULT '{}',
    effective_at timestamptz NOT NULL,
    channel text NOT NULL,
    source_ref uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX premise_changes_feed ON premise_changes (xid, seq);
CREATE INDEX premise_changes_of_premise ON premise_changes (premise_id, seq DESC);

-- Everything is confirmed, present or absent, as of floor_at.
CREATE TABLE floors (
    source text PRIMARY KEY,
    floor_at timestamptz NOT NULL,
    as_of timestamptz NOT NULL,
    run_id uuid NOT NULL
);

-- Premises whose row was quarantined in the snapshot that set the floor keep their previous one.
CREATE TABLE floor_exemptions (
    premise_id bigint PRIMARY KEY,
    floor_at timestamptz NOT NULL
);

-- The fields of one document that differ in another.
CREATE FUNCTION changed_fields(document jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(jsonb_object_agg(field.key, field.value), '{}')
        FROM jsonb_each(document) AS field
        WHERE other -> field.key IS DISTINCT FROM field.value);
