-- How many premises there are, by each of several fields, in one pass: first by all of them
-- together, which leaves few rows, then by each. $1 is today, $2 the last day that is expiring.
WITH cells AS (
    SELECT is_tombstone, county, business_type, ownership, superintendent_cadre,
        CASE
            WHEN license_validity IS NULL THEN 'unknown'
            WHEN license_validity < $1 THEN 'expired'
            WHEN license_validity <= $2 THEN 'expiring'
            ELSE 'valid'
        END AS license,
        count(*) AS n
    FROM premises
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
    CASE
        WHEN grouping(county) = 0 THEN 'county'
        WHEN grouping(business_type) = 0 THEN 'business_type'
        WHEN grouping(ownership) = 0 THEN 'ownership'
        WHEN grouping(superintendent_cadre) = 0 THEN 'cadre'
        WHEN grouping(license) = 0 THEN 'license'
        ELSE 'all'
    END AS facet,
    is_tombstone,
    coalesce(county, business_type, ownership, superintendent_cadre, license) AS value,
    sum(n)::bigint AS n
FROM cells
GROUP BY GROUPING SETS (
    (is_tombstone),
    (is_tombstone, county),
    (is_tombstone, business_type),
    (is_tombstone, ownership),
    (is_tombstone, superintendent_cadre),
    (is_tombstone, license)
)
ORDER BY n DESC, value
