SELECT rel.name AS object, rel.col || ' is ' || format_type(a.atttypid, a.atttypmod) || ', the registry''s key is ' || format_type(r.atttypid, r.atttypmod) AS detail
FROM rel
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped, registry
JOIN pg_catalog.pg_attribute AS r ON r.attrelid = registry.oid AND r.attname = registry.col AND NOT r.attisdropped
WHERE a.atttypid <> r.atttypid
  AND NOT (a.atttypid IN ('text'::regtype, 'varchar'::regtype) AND r.atttypid IN ('text'::regtype, 'varchar'::regtype))
ORDER BY 1
