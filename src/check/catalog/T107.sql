SELECT n.nspname || '.' || c.relname AS object, 'no tenant, no row-level security, and ' || string_agg(app.rolname, ', ' ORDER BY app.rolname) || ' may read it' AS detail
FROM given, pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace, app
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relrowsecurity
  AND j -> 'schemas' ? n.nspname
  AND c.oid NOT IN (SELECT oid FROM guarded)
  AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(j -> 'shared') AS s WHERE to_regclass(s) = c.oid)
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  AND has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_any_column_privilege(app.oid, c.oid, 'SELECT')
GROUP BY 1
ORDER BY 1
