-- One page of ids, and how many match. Rows are read by these ids afterwards: so a deep page
-- walks an index, not the table.
SELECT
    (SELECT count(*) FROM premises WHERE {filter}) AS total,
    ARRAY(SELECT premise_id FROM premises WHERE {filter} ORDER BY {order} LIMIT $11 OFFSET $12) AS ids
