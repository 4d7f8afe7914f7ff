SELECT area.name AS object, format('%s are combined by OR for %s (%s)', p.names, app.rolname, string_agg(DISTINCT c.command, ', ')) AS detail
FROM area, app, (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS c (command, letter)
CROSS JOIN LATERAL (
  SELECT string_agg(p.polname, ', ' ORDER BY p.polname) AS names, count(*) AS policies,
    -- true, 1 = 1, a column that equals itself
    bool_or(concat_ws(';', p.reads, p.writes) ~ '(^|;)\(*(true|([[:alnum:]_"]+) = \3)\)*($|;)') AS open
  FROM policy AS p
  WHERE p.polrelid = area.oid AND p.polpermissive AND p.polcmd IN ('*', c.letter::"char")
    AND (p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE pg_has_role(app.oid, r, 'USAGE')))) AS p
WHERE area.relrowsecurity AND p.policies > 1
  AND (p.open OR NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = area.oid))
GROUP BY 1, app.rolname, p.names
ORDER BY 1, 2
