SELECT n.nspname || '.' || c.relname || ' (' || k.conname || ')' AS object,
  'a table without tenants references ' || rel.name || ', whose rows belong to tenants' AS detail
FROM given, pg_catalog.pg_constraint AS k
JOIN rel ON rel.oid = k.confrelid
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
  AND k.conrelid NOT IN (SELECT oid FROM guarded)
  AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(j -> 'accepted') AS a
    WHERE to_regclass(a ->> 0) = k.conrelid AND a ->> 1 = k.conname)
ORDER BY 1
