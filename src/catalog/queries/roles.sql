SELECT jsonb_build_object(
  'name', r.rolname,
  'superuser', r.rolsuper,
  'bypass_rls', r.rolsuper OR r.rolbypassrls,
  'member_of', coalesce((
    SELECT jsonb_agg(o.rolname ORDER BY o.rolname)
    FROM pg_catalog.pg_roles AS o
    WHERE o.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, o.oid, 'MEMBER')), '[]')
) AS data
FROM pg_catalog.pg_roles AS r
WHERE r.rolname !~ '^pg_'
ORDER BY r.rolname
