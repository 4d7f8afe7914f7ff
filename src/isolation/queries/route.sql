-- The columns by which rows of a partitioned table, and of its partitions that are partitioned themselves, are routed.
WITH RECURSIVE member AS (
  SELECT to_regclass($1)::oid AS oid
  UNION
  SELECT i.inhrelid
  FROM member AS m
  JOIN pg_catalog.pg_inherits AS i ON i.inhparent = m.oid
)
SELECT DISTINCT a.attname::text AS text
FROM member AS m
JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = m.oid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[])
WHERE a.attnum > 0
ORDER BY 1
