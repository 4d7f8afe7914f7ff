SELECT g.name AS object, app.rolname || ' may ' || string_agg(c.command, ', ' ORDER BY c.command) AS detail
FROM guarded AS g, app, unnest(ARRAY['REFERENCES', 'TRIGGER', 'TRUNCATE']) AS c (command)
WHERE NOT app.rolsuper AND NOT pg_has_role(app.oid, g.relowner, 'MEMBER')
  AND has_table_privilege(app.oid, g.oid, c.command)
GROUP BY g.name, app.rolname
ORDER BY 1, 2
