-- Tables with the tenant column that came after the run. A copy is not one of them: T110 tells who may read it.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS object, 'it has the column ' || a.attname AS detail
FROM given, pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND j -> 'schemas' ? n.nspname AND a.attname = j ->> 'column'
  AND c.oid NOT IN (SELECT oid FROM guarded)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid)
  AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(j -> 'shared') AS s WHERE to_regclass(s) = c.oid)
  AND c.relname !~ '(_backup|_bak|_old|_copy|_[0-9]{8})$'
  AND EXISTS (
    SELECT FROM app
    WHERE has_schema_privilege(app.oid, n.oid, 'USAGE')
      AND has_table_privilege(app.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
ORDER BY 1
