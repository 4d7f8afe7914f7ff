SELECT rel.name AS object, 'no foreign key leads from ' || rel.col || ' to ' || registry.name AS detail
FROM rel, registry
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_constraint AS k
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attname = rel.col
  WHERE k.contype = 'f' AND k.conrelid = rel.oid AND k.confrelid = registry.oid AND k.conkey = ARRAY[a.attnum])
ORDER BY 1
