-- Webhooks that had their effect since $1. A clock of the receiving machine that is ahead must not
-- make a time negative.
SELECT
    count(*) AS processed,
    count(*) FILTER (WHERE outcome = 'created') AS created,
    count(*) FILTER (WHERE outcome = 'updated') AS updated,
    count(*) FILTER (WHERE outcome = 'deleted') AS deleted,
    count(*) FILTER (WHERE outcome = 'reinstated') AS reinstated,
    count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
    count(*) FILTER (WHERE outcome = 'stale') AS stale,
    count(*) FILTER (WHERE outcome = 'duplicate') AS duplicate,
    coalesce(sum(repeats), 0)::bigint AS repeats,
    avg(ms)::double precision AS average_ms,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY ms) AS percentiles_ms
FROM inbox
CROSS JOIN LATERAL (
    SELECT greatest(extract(epoch FROM processed_at - received_at) * 1000, 0)::double precision AS ms
) AS took
WHERE processed_at >= $1
