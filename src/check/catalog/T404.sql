SELECT n.nspname || '.' || c.relname AS object,
  'no policy can hold for a foreign table; ' || string_agg(DISTINCT app.rolname, ', ') || ' may read it' AS detail
FROM given, pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace, app
WHERE c.relkind = 'f'
  AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(j -> 'shared') AS s WHERE to_regclass(s) = c.oid)
  AND ((has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_any_column_privilege(app.oid, c.oid, 'SELECT'))
    OR EXISTS (
      SELECT FROM route AS r
      JOIN reads ON reads.view = r.oid AND reads.relation = c.oid
      WHERE r.app = app.oid AND has_any_column_privilege(r.who, c.oid, 'SELECT'))
    -- A partition is read through its table.
    OR (c.oid IN (SELECT oid FROM rel) AND EXISTS (SELECT FROM rel WHERE has_any_column_privilege(app.oid, rel.oid, 'SELECT'))))
GROUP BY 1
ORDER BY 1
