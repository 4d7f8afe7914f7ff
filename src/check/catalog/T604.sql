, searched AS (
  SELECT app.oid AS app, n.oid, n.nspname
  FROM given, app, pg_catalog.pg_namespace AS n
  WHERE n.nspname IN ('public', 'tenancy') OR j -> 'schemas' ? n.nspname
  UNION
  SELECT app.oid, n.oid, n.nspname
  FROM app
  JOIN pg_catalog.pg_db_role_setting AS s ON s.setrole IN (0, app.oid)
    AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()))
  CROSS JOIN LATERAL unnest(s.setconfig) AS c (text)
  CROSS JOIN LATERAL string_to_table(substr(c.text, 13), ',') AS p (name)
  JOIN pg_catalog.pg_namespace AS n ON n.nspname = btrim(p.name, ' "')
  WHERE starts_with(c.text, 'search_path=')
)
SELECT s.nspname AS object, string_agg(DISTINCT app.rolname, ', ') || ' may create objects in it' AS detail
FROM searched AS s
JOIN app ON app.oid = s.app AND NOT app.rolsuper
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.oid
-- Of the owner of a schema T602 speaks.
WHERE NOT pg_has_role(app.oid, n.nspowner, 'USAGE') AND has_schema_privilege(app.oid, s.oid, 'CREATE')
GROUP BY 1
ORDER BY 1
