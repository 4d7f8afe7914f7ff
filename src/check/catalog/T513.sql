, reference AS (
  SELECT rel.oid, rel.name, k.conname, parent.relname, k.conkey, array_remove(k.conkey, a.attnum) AS needed
  FROM rel
  JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND k.conrelid = rel.oid AND k.conparentid = 0
  JOIN pg_catalog.pg_class AS parent ON parent.oid = k.confrelid
  LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
)
SELECT r.name || ' (' || r.conname || ')' AS object,
  'deleting a row of ' || r.relname || ' reads the whole table: no index begins with '
    || (SELECT string_agg(a.attname, ', ' ORDER BY n.nr)
        FROM unnest(r.needed) WITH ORDINALITY AS n (attnum, nr)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = n.attnum) AS detail
FROM reference AS r
-- The key to the registry is the tenant column alone, of which T503 speaks.
WHERE r.needed <> '{}'
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_index AS x
    CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS n (length)
    CROSS JOIN LATERAL (SELECT x.indkey[0:n.length - 1]::int2[] AS prefix) AS p
    WHERE x.indrelid = r.oid AND x.indisvalid AND x.indpred IS NULL AND p.prefix @> r.needed AND r.conkey @> p.prefix)
ORDER BY 1
