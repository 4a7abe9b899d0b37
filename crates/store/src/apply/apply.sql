-- The one rule. Statements about premises (staged) meet the register, and the larger rank wins.
--
-- source      yields ord, premise_id, effective_at, rank_class, is_tombstone, as_of, rank_sequence,
--             rank_hash, document, raw, source_ref, source_modified_at; one row per premise.
-- unchanged   drops the rows that need no look at all.
-- tail        says what became of them.
-- $1          the channel.
WITH staged AS (
    {source}
),
work AS MATERIALIZED (
    SELECT s.*, s.document::jsonb AS doc FROM staged s {unchanged}
),
-- Locked in key order, so that two applies never wait for each other in a circle.
current AS MATERIALIZED (
    SELECT p.* FROM premises p
    WHERE p.premise_id IN (SELECT premise_id FROM work)
    ORDER BY p.premise_id
    FOR UPDATE
),
judged AS MATERIALIZED (
    SELECT w.*, c.premise_id IS NOT NULL AS known,
        CASE
            WHEN w.effective_at <= coalesce(x.floor_at, f.floor_at, '-infinity') THEN 'stale'
            WHEN (w.effective_at, w.rank_class, w.is_tombstone, w.as_of, w.rank_sequence, w.rank_hash)
               = (c.effective_at, c.rank_class, c.is_tombstone, c.as_of, c.rank_sequence, c.rank_hash)
                THEN 'duplicate'
            WHEN (w.effective_at, w.rank_class, w.is_tombstone, w.as_of, w.rank_sequence, w.rank_hash)
               < (c.effective_at, c.rank_class, c.is_tombstone, c.as_of, c.rank_sequence, c.rank_hash)
                THEN 'stale'
            WHEN NOT w.is_tombstone AND c.name IS NULL AND NOT w.doc ? 'name' THEN 'incomplete'
            ELSE 'write'
        END AS verdict
    FROM work w
    LEFT JOIN current c USING (premise_id)
    LEFT JOIN floors f ON f.source = 'ppb'
    LEFT JOIN floor_exemptions x USING (premise_id)
),
-- What was not said keeps its value; a tombstone keeps all content for audit.
completed AS (
    SELECT j.ord, j.premise_id, j.known, j.effective_at, j.rank_class, j.is_tombstone, j.as_of, j.rank_sequence,
        j.rank_hash, j.source_ref,
        CASE WHEN j.doc ? 'name' THEN j.doc ->> 'name' ELSE c.name END AS name,
        CASE WHEN j.doc ? 'county' THEN j.doc ->> 'county' ELSE c.county END AS county,
        CASE WHEN j.doc ? 'constituency' THEN j.doc ->> 'constituency' ELSE c.constituency END AS constituency,
        CASE WHEN j.doc ? 'ward' THEN j.doc ->> 'ward' ELSE c.ward END AS ward,
        CASE WHEN j.doc ? 'business_type' THEN j.doc ->> 'business_type' ELSE c.business_type END AS business_type,
        CASE WHEN j.doc ? 'ownership' THEN j.doc ->> 'ownership' ELSE c.ownership END AS ownership,
        CASE WHEN j.doc ? 'superintendent_registration_no' THEN j.doc ->> 'superintendent_registration_no'
            ELSE c.superintendent_registration_no END AS superintendent_registration_no,
        CASE WHEN j.doc ? 'superintendent_name' THEN j.doc ->> 'superintendent_name'
            ELSE c.superintendent_name END AS superintendent_name,
        CASE WHEN j.doc ? 'superintendent_cadre' THEN j.doc ->> 'superintendent_cadre'
            ELSE c.superintendent_cadre END AS superintendent_cadre,
        CASE WHEN j.doc ? 'license_validity' THEN (j.doc ->> 'license_validity')::date
            ELSE c.license_validity END AS license_validity,
        CASE WHEN j.doc ? 'validity_year' THEN (j.doc ->> 'validity_year')::integer
            ELSE c.validity_year END AS validity_year,
        -- Flags of fields that were not said stay, as the fields do.
        CASE WHEN j.doc IS NULL THEN coalesce(c.flags, '[]') ELSE j.doc -> 'flags' || coalesce((
            SELECT jsonb_agg(kept.flag) FROM (VALUES
                ('county_unknown', ARRAY['county']),
                ('business_type_unknown', ARRAY['business_type']),
                ('ownership_unknown', ARRAY['ownership']),
                ('cadre_unknown', ARRAY['superintendent_cadre']),
                ('date_reformatted', ARRAY['license_validity']),
                ('validity_year_mismatch', ARRAY['license_validity', 'validity_year'])) AS kept (flag, fields)
            WHERE c.flags ? kept.flag AND NOT j.doc ?| kept.fields), '[]') END AS flags,
        coalesce(j.raw, c.raw) AS raw,
        coalesce(j.source_modified_at, c.source_modified_at) AS source_modified_at,
        -- Only a complete statement can be recognised again by its hash.
        CASE WHEN j.doc ?& ARRAY['name', 'county', 'constituency', 'ward', 'business_type', 'ownership',
            'superintendent_registration_no', 'superintendent_name', 'superintendent_cadre', 'license_validity',
            'validity_year'] THEN j.rank_hash END AS content_hash
    FROM judged j
    LEFT JOIN current c USING (premise_id)
    WHERE j.verdict = 'write'
),
incoming AS MATERIALIZED (
    SELECT i.*, c.changed_at AS old_changed_at,
        CASE
            WHEN NOT i.known THEN CASE WHEN i.is_tombstone THEN 'deleted' ELSE 'created' END
            WHEN i.is_tombstone THEN CASE WHEN NOT c.is_tombstone THEN 'deleted' END
            WHEN c.is_tombstone THEN 'reinstated'
            WHEN (i.name, i.county, i.constituency, i.ward, i.business_type, i.ownership,
                  i.superintendent_registration_no, i.superintendent_name, i.superintendent_cadre,
                  i.license_validity, i.validity_year)
                 IS DISTINCT FROM
                 (c.name, c.county, c.constituency, c.ward, c.business_type, c.ownership,
                  c.superintendent_registration_no, c.superintendent_name, c.superintendent_cadre,
                  c.license_validity, c.validity_year) THEN 'updated'
        END AS kind
    FROM completed i
    LEFT JOIN current c USING (premise_id)
),
written AS (
    INSERT INTO premises AS p (
        premise_id, name, county, constituency, ward, business_type, ownership, superintendent_registration_no,
        superintendent_name, superintendent_cadre, license_validity, validity_year, flags, raw,
        effective_at, rank_class, is_tombstone, as_of, rank_sequence, rank_hash, content_hash,
        source_modified_at, channel, source_ref, changed_at)
    SELECT premise_id, name, county, constituency, ward, business_type, ownership, superintendent_registration_no,
        superintendent_name, superintendent_cadre, license_validity, validity_year, flags, raw,
        effective_at, rank_class, is_tombstone, as_of, rank_sequence, rank_hash, content_hash,
        source_modified_at, $1, source_ref, CASE WHEN kind IS NULL THEN old_changed_at ELSE now() END
    FROM incoming
    ON CONFLICT (premise_id) DO UPDATE SET
        name = excluded.name, county = excluded.county, constituency = excluded.constituency, ward = excluded.ward,
        business_type = excluded.business_type, ownership = excluded.ownership,
        superintendent_registration_no = excluded.superintendent_registration_no,
        superintendent_name = excluded.superintendent_name, superintendent_cadre = excluded.superintendent_cadre,
        license_validity = excluded.license_validity, validity_year = excluded.validity_year,
        flags = excluded.flags, raw = excluded.raw,
        effective_at = excluded.effective_at, rank_class = excluded.rank_class,
        is_tombstone = excluded.is_tombstone, as_of = excluded.as_of, rank_sequence = excluded.rank_sequence,
        rank_hash = excluded.rank_hash, content_hash = excluded.content_hash,
        source_modified_at = excluded.source_modified_at, channel = excluded.channel, source_ref = excluded.source_ref, changed_at = excluded.changed_at
    WHERE (excluded.effective_at, excluded.rank_class, excluded.is_tombstone, excluded.as_of,
           excluded.rank_sequence, excluded.rank_hash)
        > (p.effective_at, p.rank_class, p.is_tombstone, p.as_of, p.rank_sequence, p.rank_hash)
    RETURNING p.premise_id, p.xmax = 0 AS inserted
),
recorded AS (
    INSERT INTO premise_changes (premise_id, kind, old_values, new_values, effective_at, channel, source_ref)
    SELECT i.premise_id, i.kind,
        CASE WHEN i.kind IN ('updated', 'reinstated') THEN changed_fields(old_doc, new_doc) ELSE '{}' END,
        CASE i.kind WHEN 'created' THEN jsonb_strip_nulls(new_doc) WHEN 'deleted' THEN '{}'
            ELSE changed_fields(new_doc, old_doc) END,
        i.effective_at, $1, i.source_ref
    FROM incoming i
    LEFT JOIN current c USING (premise_id)
    CROSS JOIN LATERAL (SELECT
        jsonb_build_object(
            'name', i.name, 'county', i.county, 'constituency', i.constituency, 'ward', i.ward,
            'business_type', i.business_type, 'ownership', i.ownership,
            'superintendent_registration_no', i.superintendent_registration_no,
            'superintendent_name', i.superintendent_name, 'superintendent_cadre', i.superintendent_cadre,
            'license_validity', i.license_validity, 'validity_year', i.validity_year) AS new_doc,
        CASE WHEN i.kind IN ('updated', 'reinstated') THEN jsonb_build_object(
            'name', c.name, 'county', c.county, 'constituency', c.constituency, 'ward', c.ward,
            'business_type', c.business_type, 'ownership', c.ownership,
            'superintendent_registration_no', c.superintendent_registration_no,
            'superintendent_name', c.superintendent_name, 'superintendent_cadre', c.superintendent_cadre,
            'license_validity', c.license_validity, 'validity_year', c.validity_year) END AS old_doc) docs
    WHERE i.kind IS NOT NULL
    ORDER BY i.ord
),
-- A premise that was unknown to this statement and yet was there when it was written: another
-- transaction came between. The caller rolls back and tries again.
outcomes AS (
    SELECT j.ord,
        CASE
            WHEN j.verdict <> 'write' THEN j.verdict
            WHEN w.premise_id IS NULL OR (NOT w.inserted AND NOT j.known) THEN 'contention'
            ELSE coalesce(i.kind, 'unchanged')
        END AS outcome
    FROM judged j
    LEFT JOIN incoming i ON i.ord = j.ord
    LEFT JOIN written w ON w.premise_id = j.premise_id
)
{tail}
