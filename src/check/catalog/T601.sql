, member AS (
  -- Superusers count as members of every role; here only those count whom somebody has made one.
  SELECT app.oid AS app, m.member AS oid
  FROM app
  JOIN pg_catalog.pg_auth_members AS m ON m.roleid = app.oid
  WHERE coalesce(to_jsonb(m) ->> 'inherit_option', 'true')::boolean OR coalesce(to_jsonb(m) ->> 'set_option', 'true')::boolean
  UNION
  SELECT member.app, m.member
  FROM member
  JOIN pg_catalog.pg_auth_members AS m ON m.roleid = member.oid
  WHERE coalesce(to_jsonb(m) ->> 'inherit_option', 'true')::boolean OR coalesce(to_jsonb(m) ->> 'set_option', 'true')::boolean
)
SELECT app.rolname AS object,
  CASE WHEN app.rolsuper THEN 'it is a superuser'
    WHEN app.rolbypassrls THEN 'it has BYPASSRLS'
    ELSE 'it can become ' || string_agg(r.rolname, ', ' ORDER BY r.rolname) END AS detail
FROM how, app
JOIN pg_catalog.pg_roles AS r ON r.rolsuper OR r.rolbypassrls
WHERE r.oid = app.oid OR pg_has_role(app.oid, r.oid, how.become)
GROUP BY app.rolname, app.rolsuper, app.rolbypassrls
UNION ALL
SELECT r.rolname,
  'it is a login of ' || string_agg(app.rolname, ', ' ORDER BY app.rolname) || CASE WHEN r.rolsuper THEN ' and a superuser' ELSE ' with BYPASSRLS' END
FROM given, member
JOIN pg_catalog.pg_roles AS r ON r.oid = member.oid AND r.rolcanlogin AND (r.rolsuper OR r.rolbypassrls)
JOIN app ON app.oid = member.app
-- Whoever verifies may have to become the application's role.
WHERE NOT j -> 'trusted' ? r.rolname AND r.rolname <> current_user AND r.oid NOT IN (SELECT oid FROM app)
GROUP BY r.rolname, r.rolsuper
ORDER BY 1, 2
