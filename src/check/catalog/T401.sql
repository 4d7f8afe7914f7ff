, over AS (
  SELECT w.ev_class AS oid
  FROM guarded AS g
  JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = g.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
  JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid AND w.ev_class <> g.oid
  UNION
  SELECT w.ev_class
  FROM over AS o
  JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = o.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
  JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid AND w.ev_class <> o.oid
)
SELECT n.nspname || '.' || c.relname AS object,
  'it reads with the rights of ' || o.rolname || ', whom no policy binds; ' || string_agg(DISTINCT app.rolname, ', ') || ' may read it' AS detail
FROM over
JOIN pg_catalog.pg_class AS c ON c.oid = over.oid AND c.relkind = 'v'
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles AS o ON o.oid = c.relowner, app
WHERE NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)
  AND (o.rolsuper OR o.rolbypassrls OR EXISTS (SELECT FROM guarded AS g WHERE pg_has_role(o.oid, g.relowner, 'USAGE') AND NOT g.relforcerowsecurity))
  AND has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_table_privilege(app.oid, c.oid, 'SELECT')
GROUP BY 1, o.rolname
ORDER BY 1
