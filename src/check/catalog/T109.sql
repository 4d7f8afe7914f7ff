SELECT g.name AS object, app.rolname || CASE WHEN g.relrowsecurity THEN ' may ' ELSE ' sees every tenant and may ' END || string_agg(c.command, ', ') AS detail
FROM registry AS g, app, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS c (command)
WHERE CASE c.command WHEN 'DELETE' THEN has_table_privilege(app.oid, g.oid, 'DELETE') ELSE has_any_column_privilege(app.oid, g.oid, c.command) END
  AND NOT (g.relrowsecurity AND (c.command = 'SELECT' OR EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)))
GROUP BY g.name, app.rolname, g.relrowsecurity
ORDER BY 1, 2
