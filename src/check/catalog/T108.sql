SELECT n.nspname || '.' || c.relname AS object, app.rolname || ' may ' || string_agg(w.command, ', ' ORDER BY w.command) AS detail
FROM given
CROSS JOIN LATERAL jsonb_array_elements_text(j -> 'shared') AS s
JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(s)
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN app
CROSS JOIN (VALUES ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd'), ('TRUNCATE', NULL)) AS w (command, letter)
WHERE NOT app.rolsuper
  AND CASE WHEN w.command IN ('INSERT', 'UPDATE') THEN has_any_column_privilege(app.oid, c.oid, w.command)
    ELSE has_table_privilege(app.oid, c.oid, w.command) END
  -- No policy judges a TRUNCATE, and none judges whom row-level security does not bind.
  AND (NOT c.relrowsecurity OR w.letter IS NULL OR app.rolbypassrls
    OR (NOT c.relforcerowsecurity AND pg_has_role(app.oid, c.relowner, 'USAGE'))
    OR EXISTS (
      SELECT
      FROM policy AS p
      WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('*', w.letter::"char")
        AND (p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE pg_has_role(app.oid, r, 'USAGE')))))
GROUP BY 1, app.rolname
ORDER BY 1, 2
