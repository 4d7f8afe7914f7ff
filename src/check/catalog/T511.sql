SELECT rel.name || ' (' || c.relname || ')' AS object, 'the index is invalid' || CASE WHEN x.indisunique THEN ' and does not keep values unique' ELSE '' END AS detail
FROM rel
JOIN pg_catalog.pg_index AS x ON x.indrelid = rel.oid
JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
WHERE NOT (x.indisvalid AND x.indisready)
ORDER BY 1
