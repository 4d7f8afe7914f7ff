SELECT g.name AS object, app.rolname || ' may ' || string_agg(w.command, ', ' ORDER BY w.command) AS detail
FROM registry AS g, app, (VALUES ('INSERT'), ('UPDATE'), ('DELETE')) AS w (command)
WHERE NOT app.rolsuper
  AND CASE WHEN w.command = 'DELETE' THEN has_table_privilege(app.oid, g.oid, w.command)
    ELSE has_any_column_privilege(app.oid, g.oid, w.command) END
GROUP BY g.name, app.rolname
ORDER BY 1, 2
