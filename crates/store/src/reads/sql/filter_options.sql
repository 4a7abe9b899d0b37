-- The values that premises have, scoped: constituencies of a county ($1), wards of that and of a
-- constituency ($2), the rest within both.
WITH facets AS (
    SELECT county, constituency, ward, business_type, ownership, superintendent_cadre,
        ($1::text IS NULL OR county = $1) AS in_county,
        ($2::text IS NULL OR constituency = $2) AS in_constituency
    FROM premises
    WHERE NOT is_tombstone
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
    coalesce(array_agg(DISTINCT county) FILTER (WHERE county IS NOT NULL), '{}') AS counties,
    coalesce(array_agg(DISTINCT constituency) FILTER (WHERE constituency IS NOT NULL AND in_county), '{}')
        AS constituencies,
    coalesce(array_agg(DISTINCT ward) FILTER (WHERE ward IS NOT NULL AND in_county AND in_constituency), '{}')
        AS wards,
    coalesce(array_agg(DISTINCT business_type)
        FILTER (WHERE business_type IS NOT NULL AND in_county AND in_constituency), '{}') AS business_types,
    coalesce(array_agg(DISTINCT ownership)
        FILTER (WHERE ownership IS NOT NULL AND in_county AND in_constituency), '{}') AS ownerships,
    coalesce(array_agg(DISTINCT superintendent_cadre)
        FILTER (WHERE superintendent_cadre IS NOT NULL AND in_county AND in_constituency), '{}') AS cadres
FROM facets
