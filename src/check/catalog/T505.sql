, link AS (
  SELECT k.conname, k.conrelid, k.confrelid, k.conkey, child.name, parent.name AS parent,
    EXISTS (
      SELECT FROM unnest(k.conkey, k.confkey) AS n (mine, theirs)
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.mine AND a.attname = child.col
      JOIN pg_catalog.pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = n.theirs AND b.attname = child.col) AS carries
  FROM given, pg_catalog.pg_constraint AS k
  JOIN rel AS child ON child.oid = k.conrelid
  JOIN rel AS parent ON parent.oid = k.confrelid
  WHERE k.contype = 'f' AND k.conparentid = 0
    AND k.conrelid IS DISTINCT FROM to_regclass(j ->> 'membership')
    AND k.confrelid IS DISTINCT FROM to_regclass(j ->> 'membership')
    AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(j -> 'accepted') AS a
      WHERE to_regclass(a ->> 0) = k.conrelid AND a ->> 1 = k.conname)
)
SELECT simple.name || ' (' || simple.conname || ')' AS object, 'it does not carry the tenant to ' || simple.parent AS detail
FROM link AS simple
WHERE NOT simple.carries
  AND NOT EXISTS (
    SELECT FROM link AS whole
    WHERE whole.carries AND whole.conrelid = simple.conrelid AND whole.confrelid = simple.confrelid AND whole.conkey @> simple.conkey)
ORDER BY 1
