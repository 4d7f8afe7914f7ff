SELECT rel.name || ' (' || k.conname || ')' AS object, 'it is NOT VALID: rows that were there before were never checked' AS detail
FROM rel
JOIN pg_catalog.pg_constraint AS k ON k.conrelid = rel.oid
-- A key to a partitioned table has a row for each partition, and validating the key does not mark these.
WHERE NOT k.convalidated AND k.conparentid = 0
ORDER BY 1
