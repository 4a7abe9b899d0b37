-- One page of ids for a search, and how many match, at most $17 of them: one tier after the
-- other, the best first, each left out when those before it are enough. So a word that half of all
-- names have costs no more than the limit.
--
-- $13 the words; $14 a pattern of what begins with them; $15 a pattern of what holds them, and
-- $16 whether they are long enough for it; $18 a premise id, if they are one.
-- `name` is compared by pg_trgm, which disregards case.
WITH found AS MATERIALIZED (
    SELECT premise_id, name, license_validity, changed_at, 0 AS unlikeness,
        CASE WHEN premise_id = $18 OR lower(superintendent_registration_no) = lower($13) OR lower(name) = lower($13)
            THEN 0 ELSE 1 END AS tier
    FROM premises WHERE {filter} AND {begins}
    UNION ALL
    SELECT premise_id, name, license_validity, changed_at, 0, 2
    FROM premises WHERE {filter} AND $16 AND name ILIKE $15 AND {begins} IS NOT TRUE
    UNION ALL
    SELECT premise_id, name, license_validity, changed_at, $13 <<-> name, 3
    FROM premises WHERE {filter} AND $16 AND $13 <% name AND name NOT ILIKE $15 AND {begins} IS NOT TRUE
    LIMIT $17
)
SELECT
    (SELECT count(*) FROM found) AS total,
    ARRAY(SELECT premise_id FROM found ORDER BY {order} LIMIT $11 OFFSET $12) AS ids
