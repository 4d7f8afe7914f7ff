SELECT g.name || ' (' || c.relname || ')' AS object, 'the index is invalid' || CASE WHEN x.indisunique THEN ' and does not keep values unique' ELSE '' END AS detail
FROM guarded AS g
JOIN pg_catalog.pg_index AS x ON x.indrelid = g.oid
JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
-- One that is being built is not invalid but unfinished.
WHERE NOT (x.indisvalid AND x.indisready)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.datname = current_database() AND p.index_relid = x.indexrelid)
ORDER BY 1
