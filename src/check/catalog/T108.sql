SELECT n.nspname || '.' || c.relname AS object, app.rolname || ' may ' || string_agg(w.command, ', ' ORDER BY w.command) AS detail
FROM given
CROSS JOIN LATERAL jsonb_array_elements_text(j -> 'shared') AS s
JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(s)
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN app
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS w (command)
WHERE NOT app.rolsuper
  AND CASE WHEN w.command IN ('INSERT', 'UPDATE') THEN has_any_column_privilege(app.oid, c.oid, w.command)
    ELSE has_table_privilege(app.oid, c.oid, w.command) END
GROUP BY 1, app.rolname
ORDER BY 1, 2
