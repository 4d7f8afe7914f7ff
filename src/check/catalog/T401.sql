SELECT v.name AS object,
  'it reads ' || string_agg(DISTINCT g.name, ', ') || ' with the rights of ' || w.rolname || ', whom no policy binds; '
    || string_agg(DISTINCT app.rolname || CASE WHEN r.entry = v.name THEN '' ELSE ' by ' || r.entry END, ', ') || ' may read it' AS detail
FROM route AS r
JOIN app ON app.oid = r.app AND app.oid <> r.who
JOIN view AS v ON v.oid = r.oid AND v.relkind = 'v'
JOIN reads ON reads.view = v.oid
JOIN guarded AS g ON g.oid = reads.relation
JOIN pg_catalog.pg_roles AS w ON w.oid = r.who
WHERE (w.rolsuper OR w.rolbypassrls OR (NOT g.relforcerowsecurity AND pg_has_role(w.oid, g.relowner, 'USAGE')))
  AND has_any_column_privilege(w.oid, g.oid, 'SELECT')
GROUP BY v.name, w.rolname
ORDER BY 1, 2
