SELECT app.rolname AS object, string_agg(CASE WHEN r.oid = app.oid THEN 'it may ' ELSE 'it can become ' || r.rolname || ' and may ' END || a.may, '; ' ORDER BY r.rolname, a.may) AS detail
FROM app
JOIN pg_catalog.pg_roles AS r ON r.oid = app.oid OR pg_has_role(app.oid, r.oid, 'MEMBER')
CROSS JOIN LATERAL (VALUES (r.rolcreaterole, 'create roles'), (r.rolreplication, 'read the stream of all changes')) AS a (has, may)
WHERE a.has AND NOT app.rolsuper AND NOT r.rolsuper
GROUP BY app.rolname
ORDER BY 1
