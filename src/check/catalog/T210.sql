SELECT area.name || ' (' || p.polname || ')' AS object, app.rolname ||
  CASE WHEN NOT has_any_column_privilege(app.oid, c.oid, 'SELECT') THEN ' may not read ' ELSE ' sees no row of ' END || c.oid::regclass AS detail
FROM area
JOIN policy AS p ON p.polrelid = area.oid
JOIN side AS s ON s.oid = p.oid
CROSS JOIN LATERAL regexp_matches(s.tree, ':rtekind 0 :relid (\d+)', 'g') AS m
JOIN pg_catalog.pg_class AS c ON c.oid = m[1]::oid, app
WHERE area.relrowsecurity AND NOT app.rolsuper
  AND (p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE pg_has_role(app.oid, r, 'USAGE')))
  AND (has_any_column_privilege(app.oid, area.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(app.oid, area.oid, 'DELETE'))
  AND (NOT has_any_column_privilege(app.oid, c.oid, 'SELECT')
    OR (c.relrowsecurity AND NOT app.rolbypassrls AND (c.relforcerowsecurity OR NOT pg_has_role(app.oid, c.relowner, 'USAGE'))
      AND NOT EXISTS (
        SELECT FROM policy AS q
        WHERE q.polrelid = c.oid AND q.polpermissive AND q.polcmd IN ('*', 'r')
          AND (q.polroles = '{0}' OR EXISTS (SELECT FROM unnest(q.polroles) AS r WHERE pg_has_role(app.oid, r, 'USAGE'))))))
GROUP BY 1, 2
ORDER BY 1, 2
