, part AS (
  SELECT x.indexrelid, rel.name, rel.oid, rel.col, a.attname, a.atttypid, a.attidentity,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '') ~ 'nextval\('
      -- Frameworks number rows by sequences that the column knows nothing of.
      OR (x.indisprimary AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)) AS numbered,
    EXISTS (
      SELECT FROM pg_catalog.pg_constraint AS k
      WHERE k.contype = 'f' AND k.conrelid = rel.oid AND a.attnum = ANY (k.conkey) AND k.confrelid IN (SELECT oid FROM guarded)) AS refers,
    pg_get_indexdef(x.indexrelid, n.nr, true) AS text
  FROM rel
  JOIN pg_catalog.pg_index AS x ON x.indrelid = rel.oid AND (x.indisunique OR x.indisexclusion)
  JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid AND NOT c.relispartition
  CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS n (nr)
  LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attnum = x.indkey[n.nr - 1] AND a.attnum > 0
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
)
SELECT part.name || ' (' || c.relname || ')' AS object,
  '(' || string_agg(part.text, ', ') || ') is unique over all tenants' AS detail
FROM given, part
JOIN pg_catalog.pg_class AS c ON c.oid = part.indexrelid
WHERE NOT EXISTS (
  SELECT FROM jsonb_array_elements(j -> 'accepted') AS a
  WHERE to_regclass(a ->> 0) = part.oid AND a ->> 1 = c.relname)
GROUP BY part.name, c.relname
HAVING NOT bool_or(coalesce(
  part.attname = part.col OR part.atttypid = 'uuid'::regtype OR part.attidentity <> '' OR part.numbered OR part.refers,
  strpos(part.text, part.col) > 0))
ORDER BY 1
