SELECT g.name AS object, app.rolname || ' may ' || string_agg(c.command, ', ' ORDER BY c.command) || ', but no policy lets it' AS detail
FROM rel AS g, app, (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS c (command, letter)
WHERE g.relrowsecurity
  AND CASE c.command WHEN 'DELETE' THEN has_table_privilege(app.oid, g.oid, 'DELETE') ELSE has_any_column_privilege(app.oid, g.oid, c.command) END
  AND EXISTS (SELECT FROM policy AS p WHERE p.polrelid = g.oid AND p.polpermissive)
  AND NOT EXISTS (
    SELECT FROM policy AS p
    WHERE p.polrelid = g.oid AND p.polpermissive AND p.polcmd IN ('*', c.letter::"char")
      AND (p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE pg_has_role(app.oid, r, 'USAGE'))))
GROUP BY g.name, app.rolname
ORDER BY 1, 2
