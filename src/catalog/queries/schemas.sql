SELECT jsonb_build_object(
  'name', n.nspname,
  'usage', coalesce((
    SELECT jsonb_agg(DISTINCT r.rolname)
    FROM aclexplode(n.nspacl) AS g
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.grantee
    WHERE g.privilege_type = 'USAGE'), '[]')
) AS data
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname !~ '^pg_(temp|toast)'
ORDER BY n.nspname
