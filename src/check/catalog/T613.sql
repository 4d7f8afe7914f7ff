SELECT c.oid::regclass::text AS object, app.rolname || ' may read values of all tenants in it' AS detail
FROM app, pg_catalog.pg_class AS c
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname IN ('pg_statistic', 'pg_statistic_ext_data')
  AND NOT app.rolsuper AND has_any_column_privilege(app.oid, c.oid, 'SELECT')
ORDER BY 1, 2
