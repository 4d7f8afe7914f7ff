SELECT n.nspname || '.' || s.relname AS object,
  app.rolname || ' may ' || string_agg(DISTINCT c.command, ' and ') || ' the sequence of ' || rel.name || '; USAGE is enough to insert' AS detail
FROM app, rel
JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = rel.oid
  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.relnamespace,
  unnest(ARRAY['SELECT', 'UPDATE']) AS c (command)
WHERE NOT app.rolsuper AND NOT pg_has_role(app.oid, s.relowner, 'USAGE') AND has_sequence_privilege(app.oid, s.oid, c.command)
GROUP BY n.nspname, s.relname, app.rolname, rel.name
ORDER BY 1, 2
