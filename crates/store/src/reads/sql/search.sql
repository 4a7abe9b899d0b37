-- One page of ids for a search, and how many match, at most $17 of them: one tier after the
-- other, the best first, each left out when those before it are enough. So a word that half of all
-- names have costs no more than the limit. Within a tier the limit takes the first by name.
--
-- $13 the words; $14 a pattern of what begins with them; $15 a pattern of what holds them, and
-- $16 whether they are long enough to look inside names; $18 a premise id, if they are one; and
-- from $19 the words one by one, each of which a name must resemble.
-- `name` is compared by pg_trgm, which disregards case. What is found by its number or by how it
-- begins is conditions of their own, so that the later tiers can leave it out.
WITH found AS MATERIALIZED (
    (SELECT premise_id, name, license_validity, changed_at, 0 AS unlikeness, 0 AS tier
    FROM premises WHERE {filter} AND {exact}
    ORDER BY {by_name} LIMIT $17)
    UNION ALL
    (SELECT premise_id, name, license_validity, changed_at, 0, 1
    FROM premises WHERE {filter} AND lower(name) COLLATE "C" LIKE lower($14) AND {exact} IS NOT TRUE
    ORDER BY {by_name} LIMIT $17)
    UNION ALL
    (SELECT premise_id, name, license_validity, changed_at, 0, 1
    FROM premises WHERE {filter} AND lower(superintendent_registration_no) COLLATE "C" LIKE lower($14)
        AND (lower(name) COLLATE "C" LIKE lower($14)) IS NOT TRUE AND {exact} IS NOT TRUE
    ORDER BY {by_name} LIMIT $17)
    UNION ALL
    (SELECT premise_id, name, license_validity, changed_at, 0, 2
    FROM premises WHERE {filter} AND $16 AND name ILIKE $15 AND {begins} IS NOT TRUE AND {exact} IS NOT TRUE
    ORDER BY {by_name} LIMIT $17)
    UNION ALL
    (SELECT premise_id, name, license_validity, changed_at, $13 <<-> name, 3
    FROM premises WHERE {filter} AND $16 AND {alike} AND name NOT ILIKE $15
        AND {begins} IS NOT TRUE AND {exact} IS NOT TRUE
    LIMIT $17)
    LIMIT $17
)
SELECT
    (SELECT count(*) FROM found) AS total,
    ARRAY(SELECT premise_id FROM found ORDER BY {order} LIMIT $11 OFFSET $12) AS ids
