SELECT rel.name || ' (' || k.conname || ')' AS object, 'it is NOT VALID: rows that were there before were never checked' AS detail
FROM rel
JOIN pg_catalog.pg_constraint AS k ON k.conrelid = rel.oid
WHERE NOT k.convalidated
ORDER BY 1
