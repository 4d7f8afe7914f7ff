SELECT rel.name AS object, 'no valid index over all rows begins with ' || rel.col AS detail
FROM rel
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
-- A partitioned table holds no rows; its partitions need the index.
WHERE rel.relkind = 'r'
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_index AS x
    WHERE x.indrelid = rel.oid AND x.indisvalid AND x.indpred IS NULL AND x.indkey[0] = a.attnum)
ORDER BY 1
