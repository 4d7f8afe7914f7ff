SELECT r.rolname AS object,
  CASE WHEN r.rolbypassrls OR EXISTS (SELECT FROM unbound AS u WHERE u.oid = r.oid) THEN 'no policy binds it, and it may '
    ELSE 'it is no role of the application, and it may ' END
  || string_agg(DISTINCT x.privilege_type, ', ') || ' on '
  || CASE WHEN count(DISTINCT g.oid) > 3 THEN count(DISTINCT g.oid) || ' tables with tenants' ELSE string_agg(DISTINCT g.name, ', ') END AS detail
FROM given, guarded AS g
CROSS JOIN LATERAL (
  SELECT e.grantee, e.privilege_type FROM aclexplode(g.relacl) AS e
  UNION ALL
  SELECT e.grantee, e.privilege_type
  FROM pg_catalog.pg_attribute AS a
  CROSS JOIN LATERAL aclexplode(a.attacl) AS e
  WHERE a.attrelid = g.oid AND NOT a.attisdropped) AS x
JOIN pg_catalog.pg_roles AS r ON r.oid = x.grantee AND NOT r.rolsuper
WHERE x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  AND x.grantee <> g.relowner AND NOT j -> 'trusted' ? r.rolname
  AND NOT EXISTS (
    SELECT FROM app
    WHERE app.oid = r.oid OR pg_has_role(app.oid, r.oid, 'USAGE')
      -- A login of the application's role, as long as policies bind it.
      OR (NOT r.rolbypassrls AND pg_has_role(r.oid, app.oid, 'MEMBER')))
GROUP BY r.oid, r.rolname, r.rolbypassrls
ORDER BY 1
