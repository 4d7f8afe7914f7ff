SELECT app.rolname AS object,
  CASE WHEN app.rolsuper THEN 'it is a superuser'
    WHEN app.rolbypassrls THEN 'it has BYPASSRLS'
    ELSE 'it can become ' || string_agg(r.rolname, ', ' ORDER BY r.rolname) END AS detail
FROM app
JOIN pg_catalog.pg_roles AS r ON (r.rolsuper OR r.rolbypassrls) AND (r.oid = app.oid OR pg_has_role(app.oid, r.oid, 'MEMBER'))
GROUP BY app.rolname, app.rolsuper, app.rolbypassrls
ORDER BY 1
