-- The values that active premises have, scoped: constituencies of a county ($1), wards of that and
-- of a constituency ($2), the rest within both.
--
-- All counties, each found from the one before it in the index: they are few and premises many.
WITH RECURSIVE counties AS (
    SELECT min(county) AS county FROM premises WHERE NOT is_tombstone
    UNION ALL
    SELECT (SELECT min(county) FROM premises WHERE NOT is_tombstone AND county > c.county)
    FROM counties c WHERE c.county IS NOT NULL
),
facets AS (
    SELECT constituency, ward, business_type, ownership, superintendent_cadre,
        ($2::text IS NULL OR constituency = $2) AS inside
    FROM premises
    WHERE NOT is_tombstone AND ($1::text IS NULL OR county = $1)
    GROUP BY 1, 2, 3, 4, 5
)
SELECT
    ARRAY(SELECT county FROM counties WHERE county IS NOT NULL) AS counties,
    coalesce(array_agg(DISTINCT constituency) FILTER (WHERE constituency IS NOT NULL), '{}') AS constituencies,
    coalesce(array_agg(DISTINCT ward) FILTER (WHERE ward IS NOT NULL AND inside), '{}') AS wards,
    coalesce(array_agg(DISTINCT business_type) FILTER (WHERE business_type IS NOT NULL AND inside), '{}')
        AS business_types,
    coalesce(array_agg(DISTINCT ownership) FILTER (WHERE ownership IS NOT NULL AND inside), '{}') AS ownerships,
    coalesce(array_agg(DISTINCT superintendent_cadre)
        FILTER (WHERE superintendent_cadre IS NOT NULL AND inside), '{}') AS cadres
FROM facets
