SELECT rel.name AS object, 'no primary key, and no other key without nulls' AS detail
FROM rel
WHERE NOT rel.child
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_index AS x
    WHERE x.indrelid = rel.oid AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL
      AND (SELECT bool_and(a.attnotnull) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = rel.oid AND a.attnum = ANY (x.indkey[0:x.indnkeyatts - 1])))
ORDER BY 1
